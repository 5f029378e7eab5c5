// What changes scores between the model and the choice of a token, under the names of transformers.
#pragma once
#include <kvern/generation.hpp>
#include <memory>
#include <vector>

#include "core/torch/torch.hpp"

namespace kvern {

class LogitsProcessor {
 public:
  virtual ~LogitsProcessor() = default;
  /// ids int64 [R, L], everything so far, padding included; scores float32 [R, V]. Returns new scores.
  virtual at::Tensor operator()(const at::Tensor &ids, const at::Tensor &scores) const = 0;
};

using LogitsProcessors = std::vector<std::unique_ptr<LogitsProcessor>>;

/// Those that the configuration asks for, in the order in which transformers applies them. Warpers
/// (temperature and after) take part only if do_sample.
LogitsProcessors make_processors(const GenerationConfig &config);

}  // namespace kvern
