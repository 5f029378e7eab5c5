// Values of JSON as options.
#pragma once
#include <kvern/options.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace kvern::files {

/// Objects become tables and null the string "none"; integers beyond 64 bits become numbers. Every value has the place
/// `place`.
Option option_of(const nlohmann::json &value, const std::string &place);

}  // namespace kvern::files
