#include "runtime/files/weight_index.hpp"

#include "runtime/support/printable.hpp"

namespace kvern::files {

WeightIndex parse_weight_index(const JsonObject &index) {
  const JsonObject map = index.object("weight_map");
  WeightIndex shards;
  for (const std::string &tensor : map.keys()) {
    const std::string file = map.string(tensor);
    const bool plain = !file.empty() && file != "." && file != ".." && file.find('/') == std::string::npos &&
                       file.find('\0') == std::string::npos;
    if (!plain) {
      map.fail(tensor, in_quotes(file) + " must be the name of a file in the same folder, without a path");
    }
    shards[file].push_back(tensor);
  }
  if (shards.empty()) index.fail("weight_map", "is empty; it should name the shard of each tensor");
  return shards;
}

}  // namespace kvern::files
