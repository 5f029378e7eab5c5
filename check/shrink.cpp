#include "check/shrink.hpp"

#include <algorithm>
#include <chrono>

namespace kvern::conformance {
namespace {

Operations without(const Operations &operations, std::size_t begin, std::size_t count) {
  Operations rest(operations.begin(), operations.begin() + static_cast<std::ptrdiff_t>(begin));
  const std::size_t end = std::min(operations.size(), begin + count);
  rest.insert(rest.end(), operations.begin() + static_cast<std::ptrdiff_t>(end), operations.end());
  return rest;
}

}  // namespace

Operations shrink(Operations operations, const std::function<bool(const Operations &)> &fails,
                  double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  std::size_t part = std::max<std::size_t>(1, operations.size() / 2);
  for (bool changed = true; part > 1 || changed; part = std::max<std::size_t>(1, part / 2)) {
    changed = false;
    for (std::size_t at = operations.size(); at > 0;) {  // what comes last matters most, and goes last
      if (std::chrono::steady_clock::now() > end) return operations;
      at = at > part ? at - part : 0;
      const Operations fewer = without(operations, at, part);
      if (fewer.empty() || !fails(fewer)) continue;
      operations = fewer;
      changed = true;
    }
  }
  return operations;
}

}  // namespace kvern::conformance
