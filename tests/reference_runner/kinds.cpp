#include "tests/reference_runner/kinds.hpp"

#include <functional>
#include <kvern/error.hpp>
#include <map>

namespace kvern::reference {
namespace {

using CaseRun = std::function<std::vector<Outcome>(const Case &, Context &)>;

/// A kind whose cases have one outcome each.
CaseRun single(void (*run)(const Case &, Context &)) {
  return [run](const Case &c, Context &context) {
    run(c, context);
    return std::vector<Outcome>{Outcome::pass()};
  };
}

const std::map<std::string, CaseRun> &kinds() {
  static const std::map<std::string, CaseRun> table{
      {"forward", single(run_forward)},
      {"chunked_prefill", single(run_chunked_prefill)},
      {"stepwise_forward", single(run_stepwise_forward)},
      {"greedy", single(run_generate)},
      {"greedy_batch", single(run_generate)},
      {"assisted", single(run_generate)},
      {"beam", single(run_generate)},
      {"contrastive", single(run_generate)},
      {"group_beam", single(run_generate)},
      {"stopping", single(run_generate)},
      {"sampling", single(run_generate)},
      {"processors", single(run_generate)},
      {"model_defaults", single(run_generate)},
      {"sliding_window", single(run_generate)},
      {"prefix_reuse", single(run_generate)},
      {"generate", single(run_generate)},
      {"encoder_decoder_forward", single(run_encoder_decoder_forward)},
      {"whisper_generate", single(run_whisper_generate)},
      {"log_mel", single(run_log_mel)},
      {"trained_models", single(run_trained_model)},
      {"sorting", run_sorting},
      {"cache_api", single(run_cache_api)},
      {"quantized_generate", single(run_quantized_generate)},
      {"sink_cache", single(run_sink_cache)},
      {"chat", single(run_chat)},
      {"chat_templates", single(run_chat_template)},
      {"tokenizers", run_tokenizers},
      {"tokenizer", run_tokenizer_texts},
  };
  return table;
}

}  // namespace

std::vector<Outcome> run_case(const Case &c, Context &context) {
  const auto found = kinds().find(c.kind);
  if (found == kinds().end()) return {Outcome::skip("kind not offered: " + c.kind)};
  try {
    return found->second(c, context);
  } catch (const CaseEnd &ended) {
    return {ended.outcome};
  } catch (const std::exception &e) {
    return {Outcome::fail(e.what())};
  }
}

}  // namespace kvern::reference
