// A sequence that fails, made short.
#pragma once
#include "check/isolate.hpp"

namespace kvern::conformance {

/// A part of `operations`, in their order, that still fails, where leaving out any one operation more does not (unless time runs
/// out before).
Operations shrink(Operations operations, const std::function<bool(const Operations &)> &fails,
                  double seconds);

}  // namespace kvern::conformance
