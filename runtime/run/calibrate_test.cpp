// kvern quantize --text: what a text says about the inputs of matrices, and what that is good for.
#include "core/torch/torch.hpp"
#include "runtime/run/calibrate.hpp"

#include <fstream>
#include <iterator>

#include "runtime/models/load.hpp"
#include "runtime/models/packed_reader.hpp"
#include "runtime/run/text_windows.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
namespace fs = std::filesystem;

namespace {

fs::path demo() { return test::source_path("models/demo"); }

std::string text() {
  std::ifstream in(test::source_path("bench/text/stories.txt"));
  return {std::istreambuf_iterator<char>(in), {}};
}

/// What packing to 4 bits loses of each matrix, where a column's squared error counts `importance`.
std::map<std::string, double> losses(const models::Importance &importance, const models::Importance *used) {
  models::ReadRecord record;
  LoadOptions options;
  options.packing.bits = options.packing.head_bits = 4;
  options.packing.importance = used;
  options.record = &record;
  const auto model = load_model(demo(), options);
  const files::Weights weights = files::Weights::open(demo());
  std::map<std::string, double> lost;
  for (const auto &[name, packed] : record.packed) {
    const kernels::PackedMatrix &w = packed.matrix;
    const std::vector<float> &counts = importance.at(name);
    const files::TensorView stored = weights.tensor(name);
    std::vector<float> row(static_cast<size_t>(w.k));
    for (int64_t r = 0; r < w.n; ++r) {
      kernels::dequantize_row(w, r, row.data());
      for (int64_t c = 0; c < w.k; ++c) {
        const double d = kernels::load_element(stored.data, kernels::Dtype::bf16, r * w.k + c) -
                         row[static_cast<size_t>(c)];
        lost[name] += counts[static_cast<size_t>(c)] * d * d;
      }
    }
  }
  return lost;
}

}  // namespace

TEST_CASE("The packed matrices of the built-in model lose less of what counts where a text says what does") {
  const models::Importance importance =
      measure_importance(demo(), calibration_windows(demo(), text(), 256, 4));
  const auto plain = losses(importance, nullptr), calibrated = losses(importance, &importance);
  REQUIRE(plain.size() > 20);
  double before = 0.0, after = 0.0;
  for (const auto &[name, lost] : plain) {
    INFO(name);
    CHECK(calibrated.at(name) < 1.01 * lost);
    before += lost, after += calibrated.at(name);
  }
  CHECK(after < before);
}

TEST_CASE("An encoder of text reads the windows, too") {
  const Ids window = {5, 17, 130, 42, 99, 30, 7, 12, 50, 81};
  const models::Importance importance =
      measure_importance(test::source_path("tests/reference/encoders/models/t5"), {window, window});
  CHECK(importance.count("encoder.block.0.layer.0.SelfAttention.q.weight") == 1);
  CHECK(importance.count("decoder.block.0.layer.1.EncDecAttention.k.weight") == 1);
}

TEST_CASE(
    "Windows longer than the model reads, texts too short, quantized folders and encoders of sound are "
    "refused") {
  const fs::path tests = test::source_path("tests/reference");
  CHECK_THAT(test::error_text(ErrorKind::input, [] { calibration_windows(demo(), "Once.", 256, 0); }),
             Catch::Contains("do not fill one window of 256"));
  const Ids long_window(5000, 5);
  CHECK_THAT(test::error_text(ErrorKind::input, [&] { measure_importance(demo(), {long_window}); }),
             Catch::Contains("--context 5000: the model takes at most"));
  CHECK_THAT(test::error_text(ErrorKind::model,
                              [&] {
                                measure_importance(tests / "quantized" / "awq", {{5, 6}});
                              }),
             Catch::Contains("quantized already ('awq', 4 bits)"));
  CHECK_THAT(test::error_text(ErrorKind::model,
                              [&] {
                                measure_importance(tests / "encoders" / "models" / "whisper", {{5, 6}});
                              }),
             Catch::Contains("--text: the model's encoder reads sound"));
}
