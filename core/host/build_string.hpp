// What differs between two build strings. Not part of the public headers.
#pragma once
#include <string>

namespace kvern {

/// "" if a plugin with this build string fits the host's, which an empty one always does; else the first
/// field that differs: "torch=2.10.0, the host has torch=2.11.0".
std::string build_difference(const std::string &build, const std::string &host);

}  // namespace kvern
