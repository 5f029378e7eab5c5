// Memory for what a step computes with and forgets. Not for what outlives the step.
#pragma once
#include "core/torch/torch.hpp"

namespace kvern {

/// A contiguous float32 tensor, contents undefined. From a megabyte on it lies in large pages of its own, which go back to
/// the system with it: in the heap it would be cut up by what lives longer, and the heap would grow with a long prompt.
/// Throws std::bad_alloc. [any thread]
at::Tensor working_memory(at::IntArrayRef sizes);

}  // namespace kvern
