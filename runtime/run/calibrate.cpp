#include "runtime/run/calibrate.hpp"

#include <algorithm>
#include <kvern/error.hpp>

#include "core/generation/driver.hpp"
#include "core/torch/torch.hpp"
#include "runtime/models/input_recorder.hpp"
#include "runtime/models/load.hpp"
#include "runtime/run/open_cache.hpp"
#include "runtime/support/printable.hpp"

namespace kvern {
namespace {

void require_text(const std::filesystem::path &folder, const Model &model) {
  if (model.info().encoder == EncoderKind::audio)
    throw Error(ErrorKind::model,
                printable(folder.string(), 4096) +
                    ": --text: the model's encoder reads sound, no text; quantize it without --text");
}

std::optional<Encoded> encoded(const Model &model, const Ids &window) {
  if (model.info().encoder == EncoderKind::none) return std::nullopt;
  EncoderInput input;
  input.ids = at::tensor(window, at::kLong).unsqueeze(0);
  return model.encode(input);
}

// Of the head's inputs a few tokens of each window do.
constexpr int64_t kLogits = 32;

void read_window(const Model &model, Cache &cache, const Ids &window) {
  Driver::Options options;
  options.encoded = encoded(model, window);
  cache.reset();
  Driver(model, cache, options)
      .feed({window}, {0}, {std::min<int64_t>(kLogits, static_cast<int64_t>(window.size())), false});
}

}  // namespace

std::vector<Ids> calibration_windows(const std::filesystem::path &folder, const std::string &text,
                                     int64_t context, int64_t at_most) {
  return text_windows(Tokenizer::load(folder), text, context, at_most);
}

models::Importance measure_importance(const std::filesystem::path &folder, const std::vector<Ids> &windows,
                                      const std::function<void(int64_t done, int64_t total)> &on_progress) {
  c10::InferenceMode no_gradients;
  models::InputRecorder recorder(cpu_queue());
  models::ReadRecord record;
  LoadOptions options;
  options.record = &record;
  options.queue = &recorder;
  require_unquantized(files::ModelConfig::read(folder));
  const auto model = load_model(folder, options);
  require_text(folder, *model);
  const auto length = static_cast<int64_t>(windows.front().size());
  require_context(*model, length);
  recorder.watch(record.plain);
  CacheRequest request;
  request.max_rows = 1;
  request.max_tokens = length;
  request.max_cross = model->info().encoder == EncoderKind::none ? 0 : request.max_tokens;
  Cache cache = open_cache(*model, request);
  for (size_t i = 0; i < windows.size(); ++i) {
    read_window(*model, cache, windows[i]);
    if (on_progress) on_progress(static_cast<int64_t>(i) + 1, static_cast<int64_t>(windows.size()));
  }
  return recorder.importance();
}

}  // namespace kvern
