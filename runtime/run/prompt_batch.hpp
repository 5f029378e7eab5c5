// Many prompts through one model: rows of different lengths that join while others are in the middle of their texts, and leave when they
// have ended (continuous batching: Yu et al. 2022, Orca).
#pragma once
#include <functional>
#include <kvern/generation.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kvern {

struct PromptJob {
  std::vector<int64_t> ids;  ///< the prompt, with the tokens of the prefix if there is one
  GenerationConfig config;   ///< its seed too
};

/// What came of a job: `result` as generate gives it for this prompt alone, without timings; or an error.
struct PromptOutcome {
  size_t job = 0;
  GenerationResult result;
  std::optional<ErrorKind> error;
  std::string message;  ///< of the error
};

struct PromptBatchSetup {
  const Cache *pattern = nullptr;  ///< caches are made like it, on its host; borrowed
  const Cache *prefix =
      nullptr;  ///< of that host; holds the beginning of every prompt. Cloned, or computed where it cannot be
  int64_t max_batch = 16;              ///< rows at a time at most
  int64_t memory_budget = 0;           ///< bytes of the host; 0: unknown, the host refuses by itself
  GenerationResources resources = {};  ///< their fall_back is for a job that has no memory even alone
};

struct PromptBatchEvents {
  std::function<void(PromptOutcome)> on_done;  ///< in the order in which jobs end
  std::function<bool()> stop_requested;        ///< jobs that have not ended then are dropped
  std::function<void(const std::string &)> on_note;
  std::function<void(int64_t done, int64_t rows)> on_step;
};

struct PromptBatchReport {
  GenerationTimings timings;  ///< over all jobs; tokens of one that is fed again are not counted twice
  double prefill_cpu_seconds = 0, decode_cpu_seconds = 0;
  int64_t steps = 0, most_rows = 0, repeated_prefills = 0;
};

/// Runs all jobs. Each gives the tokens that it gives alone, greedy or sampled by its own seed. A job joins when a row is free and
/// memory for all of its text beside all texts that run; it is prefilled in a step of its own. A job that asks for another strategy than one
/// token per step, and every job where the cache's rows cannot join and leave or the rotation depends on the length of the whole
/// batch, runs alone, one after another. Errors of a job (input, configuration, no memory) are its outcome; all others are
/// thrown.
PromptBatchReport run_prompts(const Model &model, const PromptBatchSetup &setup,
                              const std::vector<PromptJob> &jobs, const PromptBatchEvents &events);

/// Why rows of such caches and this model cannot share steps; empty: they can.
std::string why_not_batched(const Model &model, const Cache &cache);

}  // namespace kvern
