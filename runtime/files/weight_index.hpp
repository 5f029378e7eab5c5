// model.safetensors.index.json: which shard holds which tensor.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/files/json.hpp"

namespace kvern::files {

/// Shard's file name -> the tensors that the index places in it, sorted. Never empty; every name is that of a file in the
/// same folder. Throws Error(model).
using WeightIndex = std::map<std::string, std::vector<std::string>>;
WeightIndex parse_weight_index(const JsonObject &index);

}  // namespace kvern::files
