// The kinds of cases: a function each, found by name.
#pragma once
#include <string>
#include <vector>

#include "tests/reference_runner/case.hpp"
#include "tests/reference_runner/context.hpp"
#include "tests/reference_runner/outcome.hpp"

namespace kvern::reference {

/// Runs one case. A kind that kvern does not offer is skipped with a reason. A case of many lines gives an
/// outcome for each.
std::vector<Outcome> run_case(const Case &c, Context &context);

// One per kind; they return if the case passed and end it otherwise (outcome.hpp).
void run_forward(const Case &c, Context &context);
void run_chunked_prefill(const Case &c, Context &context);
void run_stepwise_forward(const Case &c, Context &context);
void run_generate(const Case &c, Context &context);
void run_encoder_decoder_forward(const Case &c, Context &context);
void run_whisper_generate(const Case &c, Context &context);
void run_log_mel(const Case &c, Context &context);
void run_trained_model(const Case &c, Context &context);
std::vector<Outcome> run_sorting(const Case &c, Context &context);
void run_cache_api(const Case &c, Context &context);
bool is_whole_cache(const Case &c);  // of kind cache_api: all layers in one cache
void run_whole_cache(const Case &c, Context &context);
void run_quantized_settings(const Case &c, Context &context);  // of kind cache_api: outcomes of settings
void run_quantized_generate(const Case &c, Context &context);
void run_sink_cache(const Case &c, Context &context);
void run_chat(const Case &c, Context &context);
void run_chat_template(const Case &c, Context &context);
std::vector<Outcome> run_tokenizers(const Case &c, Context &context);
std::vector<Outcome> run_tokenizer_texts(const Case &c, Context &context);

}  // namespace kvern::reference
