// Shapes as messages write them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace kvern::files {

/// "[2, 3]"; an empty shape is "[]".
inline std::string shape_text(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace kvern::files
