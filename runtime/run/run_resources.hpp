// What a generation needs besides the model and its cache, as a session is configured.
#pragma once
#include <kvern/generation.hpp>
#include <memory>
#include <optional>

#include "runtime/run/session.hpp"

namespace kvern {

/// The draft model with its cache, the tokenizer's text, the constraint of response_format, other caches where there is no memory.
class RunResources {
 public:
  /// For generations one after another, each of at most so many rows and tokens; the session outlives it.
  RunResources(const Session &run, int64_t max_rows, int64_t max_tokens, int64_t max_cross = 0);
  RunResources(const RunResources &) = delete;

  const GenerationResources &get() const { return resources_; }

 private:
  std::unique_ptr<TokenConstraint> constraint_;
  std::optional<Cache> of_assistant_;
  GenerationResources resources_;
};

}  // namespace kvern
