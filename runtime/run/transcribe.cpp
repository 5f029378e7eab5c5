#include "runtime/run/transcribe.hpp"

#include <algorithm>
#include <chrono>
#include <kvern/error.hpp>

#include "core/torch/torch.hpp"

namespace kvern {
namespace {

/// Segments between pairs of timestamps; `cuts` are the places behind which a segment begins.
void add_segment(const std::vector<int64_t> &ids, size_t begin, size_t end, const SpeechTokens &tokens,
                 double otherwise, std::vector<SpeechSegment> &to) {
  SpeechSegment segment{0, otherwise, {}};
  bool first = true;
  for (size_t i = begin; i < end; ++i) {
    if (!tokens.is_timestamp(ids[i])) {
      segment.ids.push_back(ids[i]);
    } else {
      if (first && segment.ids.empty())
        segment.begin = tokens.seconds(ids[i]);
      else
        segment.end = tokens.seconds(ids[i]);
    }
    first = first && !tokens.is_timestamp(ids[i]);
  }
  if (!segment.ids.empty()) to.push_back(std::move(segment));
}

std::vector<int64_t> generated(const GenerationResult &result, size_t prompt_length,
                               const GenerationConfig &config) {
  const auto &row = result.sequences.front();
  const auto begin = row.begin() + static_cast<std::ptrdiff_t>(prompt_length);
  std::vector<int64_t> ids(begin, begin + result.new_tokens.front());
  const auto eos = config.get(option::eos_token_id);
  if (!ids.empty() && std::find(eos.begin(), eos.end(), ids.back()) != eos.end()) ids.pop_back();
  return ids;
}

void add(const GenerationTimings &more, GenerationTimings &to) {
  to.prefill_seconds += more.prefill_seconds;
  to.decode_seconds += more.decode_seconds;
  to.prefill_tokens += more.prefill_tokens;
  to.decode_tokens += more.decode_tokens;
}

}  // namespace

WindowSegments segments_of(const std::vector<int64_t> &ids, const SpeechTokens &tokens, double seconds) {
  WindowSegments result{{}, seconds};
  const size_t n = ids.size();
  const auto is = [&](size_t i) { return tokens.is_timestamp(ids[i]); };
  const bool single_end = n >= 2 && is(n - 1) && !is(n - 2);
  size_t begin = 0;
  for (size_t i = 1; i < n; ++i) {
    if (!is(i - 1) || !is(i)) continue;
    add_segment(ids, begin, i, tokens, seconds, result.segments);
    begin = i;
  }
  const bool pairs = begin > 0;
  if (!pairs || single_end)
    add_segment(ids, begin, n, tokens, seconds, result.segments);
  else
    result.advance = tokens.seconds(ids[begin - 1]);
  return result;
}

EncoderInput encoder_input(const audio::LogMel &features, std::span<const float> samples) {
  std::vector<float> data = features(samples);
  EncoderInput input;
  input.features =
      at::from_blob(data.data(), {1, features.config().feature_size, features.config().frames()}, at::kFloat)
          .clone();
  return input;
}

Transcription transcribe(const Model &model, Cache &cache, const audio::LogMel &features,
                         const SpeechTokens &tokens, const std::vector<float> &samples, SpeechRequest request,
                         const GenerationConfig &given, const TranscriptionEvents &events) {
  const auto total = static_cast<int64_t>(samples.size()), chunk = features.config().samples();
  const auto rate = static_cast<double>(features.config().sampling_rate);
  if (total > chunk) request.timestamps = true;
  if (request.timestamps && !tokens.no_timestamps)
    throw Error(ErrorKind::input, "the model has no timestamps (no_timestamps_token_id): it transcribes " +
                                      std::to_string(chunk / features.config().sampling_rate) +
                                      " seconds at most");
  GenerationConfig config = given;
  config.set(option::return_timestamps, request.timestamps);
  Transcription result;
  const auto start = std::chrono::steady_clock::now();
  GenerationEvents watch;
  watch.on_tokens = events.on_tokens;
  watch.stop_requested = events.stop_requested;
  GenerationResources resources;
  resources.fall_back = events.fall_back;
  for (int64_t begin = 0; begin < total;) {
    SpeechWindow window{begin, std::min(chunk, total - begin), {}, {}};
    Prompt prompt;
    prompt.encoder = encoder_input(
        features, std::span(samples).subspan(static_cast<size_t>(begin), static_cast<size_t>(window.length)));
    window.prompt = speech_prompt(
        tokens, request, [&] { return detect_language(model, cache, tokens, *prompt.encoder).front(); });
    prompt.input_ids = {window.prompt};
    const auto made = generate(model, cache, prompt, config, watch, resources);
    cache.reset();
    window.ids = generated(made, window.prompt.size(), config);
    window.finish_reason = made.finish_reason.front();
    add(made.timings, result.timings);
    const double offset = static_cast<double>(begin) / rate,
                 seconds = static_cast<double>(window.length) / rate;
    const WindowSegments parts = segments_of(window.ids, tokens, seconds);
    for (SpeechSegment segment : parts.segments) {
      segment.begin += offset;
      segment.end = std::min(segment.end + offset, static_cast<double>(total) / rate);
      result.segments.push_back(std::move(segment));
    }
    result.windows.push_back(std::move(window));
    if (events.on_window)
      events.on_window(std::min(offset + parts.advance, static_cast<double>(total) / rate),
                       static_cast<double>(total) / rate);
    if (events.stop_requested && events.stop_requested()) break;
    const auto advance = static_cast<int64_t>(parts.advance * rate + 0.5);
    begin += advance > 0 ? std::min(advance, chunk) : chunk;
  }
  result.total_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace kvern
