#include "runtime/cli/figures.hpp"
#include "runtime/cli/speech_output.hpp"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "devices/cpu/threads.hpp"

namespace kvern::cli {
namespace {

using Json = nlohmann::json;

std::string text_of(const SpeechReport &f, const std::vector<int64_t> &ids) {
  return f.run.tokenizer() ? f.run.tokenizer()->text(ids, /*skip_special_tokens=*/true) : ids_text(ids);
}

/// A line of a subtitle: without the space that words begin with, and without line breaks.
std::string line_of(const SpeechReport &f, const SpeechSegment &segment) {
  std::string text = text_of(f, segment.ids);
  for (char &c : text)
    if (c == '\n' || c == '\r') c = ' ';
  return text.substr(std::min(text.find_first_not_of(' '), text.size()));
}

std::string span_text(const SpeechSegment &segment, char point) {
  return time_text(segment.begin, point) + " --> " + time_text(segment.end, point);
}

Json json_of(const SpeechReport &f, const SpeechSegment &segment) {
  return {{"start", segment.begin},
          {"end", segment.end},
          {"text", f.run.tokenizer() ? Json(text_of(f, segment.ids)) : Json()},
          {"ids", segment.ids}};
}

Json json_of(const SpeechReport &f, const SpeechWindow &window) {
  const double rate = static_cast<double>(audio::LogMelConfig::read(f.run.model_folder()).sampling_rate);
  return {{"start", static_cast<double>(window.begin) / rate},
          {"seconds", static_cast<double>(window.length) / rate},
          {"prompt_ids", window.prompt},
          {"output_ids", window.ids},
          {"finish_reason", window.finish_reason == FinishReason::stop ? "stop" : "length"}};
}

}  // namespace

std::string time_text(double seconds, char point) {
  const auto ms = static_cast<long long>(std::llround(seconds * 1000));
  char text[32];
  std::snprintf(text, sizeof text, "%02lld:%02lld:%02lld%c%03lld", ms / 3600000, ms / 60000 % 60,
                ms / 1000 % 60, point, ms % 1000);
  return text;
}

std::string speech_text(const SpeechReport &f) {
  std::string text;
  for (const SpeechSegment &segment : f.result.segments) {
    if (!text.empty() && !f.run.tokenizer()) text += ',';
    text += text_of(f, segment.ids);
  }
  return text + "\n";
}

std::string speech_json(const SpeechReport &f) {
  const auto info = f.cache.info();
  std::string text = speech_text(f);
  text.pop_back();
  Json json{{"model", f.run.model_folder().string()},
            {"seconds", f.seconds},
            {"text", f.run.tokenizer() ? Json(text) : Json()},
            {"segments", Json::array()},
            {"windows", Json::array()},
            {"timings",
             {{"prefill_seconds", f.result.timings.prefill_seconds},
              {"prefill_tokens", f.result.timings.prefill_tokens},
              {"decode_seconds", f.result.timings.decode_seconds},
              {"decode_tokens", f.result.timings.decode_tokens},
              {"total_seconds", f.result.total_seconds}}},
            {"cache",
             {{"implementation", f.cache.plugin().name},
              {"peak_bytes", f.cache.host().memory().peak},
              {"bytes", info.bytes_device + info.bytes_host}}},
            {"threads", threads()}};
  for (const SpeechSegment &segment : f.result.segments) json["segments"].push_back(json_of(f, segment));
  for (const SpeechWindow &window : f.result.windows) json["windows"].push_back(json_of(f, window));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string speech_srt(const SpeechReport &f) {
  std::string text;
  int number = 0;
  for (const SpeechSegment &segment : f.result.segments)
    text += std::to_string(++number) + "\n" + span_text(segment, ',') + "\n" + line_of(f, segment) + "\n\n";
  return text;
}

std::string speech_vtt(const SpeechReport &f) {
  std::string text = "WEBVTT\n\n";
  for (const SpeechSegment &segment : f.result.segments)
    text += span_text(segment, '.') + "\n" + line_of(f, segment) + "\n\n";
  return text;
}

}  // namespace kvern::cli
