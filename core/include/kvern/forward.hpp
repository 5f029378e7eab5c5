// A whole step in one call.
#pragma once
#include <kvern/model.hpp>
#include <kvern/step.hpp>
#include <utility>

namespace kvern {

/// Opens a step, computes in it, keeps all of its tokens. If it throws, the cache is as before.
inline Output forward_and_keep(const Model &model, Cache &cache, StepRequest request, const Input &input) {
  Step step(cache, std::move(request));
  Output output = model.forward(step, input);
  step.keep_all();
  return output;
}

}  // namespace kvern
