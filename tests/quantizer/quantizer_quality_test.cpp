// The quantizer's squared error beside that of Quanto and HQQ, on the recorded tensors (tests/reference/quality) and on
// those of the folders in KVERN_REFERENCE_DIRS.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/quant/quantize.hpp"
#include "runtime/files/safetensors.hpp"
#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

namespace fs = std::filesystem;
namespace quant = kvern::kernels::quant;
using kvern::files::TensorView;

namespace {

/// The mean squared error of all numbers after packing them, those that follow each other in groups.
double mean_squared_error(const TensorView &tensor, int bits, int64_t group) {
  const float *x = static_cast<const float *>(tensor.data);
  const int64_t numbers = static_cast<int64_t>(tensor.bytes / 4), tokens = numbers / group;
  const quant::TensorFormat format = {bits, quant::Axis::token, group, group, false};
  const quant::BlockFormat blocks(format, format);
  std::vector<std::byte> block(static_cast<size_t>(blocks.bytes));
  std::vector<float> back(static_cast<size_t>(blocks.tokens * group));
  double sum = 0;
  for (int64_t t = 0; t < tokens; t += blocks.tokens) {
    const int64_t n = std::min(blocks.tokens, tokens - t);
    const quant::HeadView rows = {x + t * group, kvern::kernels::Dtype::f32, group};
    quantize_keys(blocks, rows, n, quant::Search::fast, block.data());
    dequantize_keys(blocks, block.data(), 0, n, true, back.data(), kvern::kernels::Dtype::f32, group);
    for (int64_t i = 0; i < n * group; ++i) {
      const double d = static_cast<double>(x[t * group + i]) - back[static_cast<size_t>(i)];
      sum += d * d;
    }
  }
  return sum / static_cast<double>(numbers);
}

using Key = std::tuple<int64_t, int64_t, std::string>;  // bits, group, tensor

/// The least error that others reach, and how many rows say so.
struct Others {
  std::map<Key, double> best;
  int rows = 0;
};

Others read_table(const fs::path &folder) {
  Others others;
  std::ifstream file(folder / "table.json");
  const nlohmann::json table = nlohmann::json::parse(file);
  for (const nlohmann::json &row : table.at("rows")) {
    const Key key = {row.at("nbits"), row.at("group_size"), row.at("tensor")};
    const double error = row.at("mse");
    const auto [at, is_new] = others.best.try_emplace(key, error);
    if (!is_new) at->second = std::min(at->second, error);
    ++others.rows;
  }
  return others;
}

/// Compares with every row; returns how many there were.
int check_folder(const fs::path &folder) {
  const Others others = read_table(folder);
  const kvern::files::SafetensorsFile inputs(folder / "inputs.safetensors");
  std::map<std::pair<int64_t, int64_t>, double> worst;
  for (const auto &[key, best] : others.best) {
    const auto &[bits, group, name] = key;
    const double error = mean_squared_error(inputs.tensor(name), static_cast<int>(bits), group);
    INFO(name << ", " << bits << " bits, groups of " << group << ": " << error << ", others at best "
              << best);
    CHECK(error <= (bits == 2 || bits == 3 ? 0.8 : 1.0) * best);
    double &ratio = worst[{bits, group}];
    ratio = std::max(ratio, error / best);
  }
  std::string text;
  for (const auto &[key, ratio] : worst) {
    text += "\n  " + std::to_string(key.first) + " bits, groups of " + std::to_string(key.second) +
            ": at most " + std::to_string(ratio) + " of the better of Quanto and HQQ";
  }
  WARN(folder.string() << text);
  return others.rows;
}

}  // namespace

TEST_CASE("The error is at most that of Quanto and of HQQ, and at 2 and 3 bits 0.8 of the better") {
  CHECK(check_folder(kvern::test::source_path("tests/reference/quality")) == 238);
}

TEST_CASE("The same holds for the tables of the folders in KVERN_REFERENCE_DIRS") {
  for (const std::string &dir : kvern::test::reference_dirs()) {
    if (fs::exists(fs::path(dir) / "quality/table.json")) CHECK(check_folder(fs::path(dir) / "quality") > 0);
  }
}
