// Finds the weights' files, and looks names up.
#include "runtime/files/weights.hpp"

#include <algorithm>
#include <kvern/error.hpp>

#include "runtime/files/json.hpp"
#include "runtime/files/model_folder.hpp"
#include "runtime/files/quantized_checkpoint.hpp"
#include "runtime/files/weight_index.hpp"
#include "runtime/support/printable.hpp"
#include "runtime/support/read_file.hpp"

namespace kvern::files {
namespace {

namespace fs = std::filesystem;

constexpr const char *kSingle = "model.safetensors";
constexpr const char *kIndex = "model.safetensors.index.json";

[[noreturn]] void refuse_file(const fs::path &path, const std::string &why) {
  throw Error(ErrorKind::model, printable(path.string(), 4096) + ": " + why);
}

SafetensorsFile open_shard(const fs::path &index, const std::string &file, const std::string &first_tensor) {
  const fs::path path = index.parent_path() / file;
  if (!is_present(path)) {
    refuse_file(path, "this shard is missing; " + std::string(kIndex) + " places " + in_quotes(first_tensor) +
                          " in it. Download the whole folder");
  }
  return SafetensorsFile(path);
}

}  // namespace

Weights Weights::open(const fs::path &folder) {
  require_model_folder(folder);
  Weights weights;
  weights.folder_ = folder;
  const fs::path single = folder / kSingle, index = folder / kIndex;
  if (is_present(single)) {
    weights.shards_.emplace_back(single);
  } else if (is_present(index)) {
    for (const auto &[file, tensors] : parse_weight_index(JsonObject::read(index))) {
      weights.shards_.push_back(open_shard(index, file, tensors.front()));
      for (const std::string &tensor : tensors) weights.place(tensor, file);
    }
  } else {
    refuse_without_safetensors(folder);
  }
  for (size_t i = 0; i < weights.shards_.size(); ++i) {
    for (const auto &[name, entry] : weights.shards_[i].entries()) weights.shard_of_.emplace(name, i);
  }
  return weights;
}

// In the shard that was opened last, if it holds the tensor.
void Weights::place(const std::string &tensor, const std::string &file) {
  if (shards_.back().contains(tensor)) {
    shard_of_[tensor] = shards_.size() - 1;
  } else {
    misplaced_[tensor] = file;
  }
}

std::string Weights::misplaced(const std::string &name) const {
  const auto found = misplaced_.find(name);
  if (found == misplaced_.end() || contains(name)) return "";
  return ": " + std::string(kIndex) + " places it in " + printable(found->second) +
         ", which does not hold it";
}

std::string Weights::quantization_hint() const {
  for (const SafetensorsFile &shard : shards_) {
    const std::string method = quantization_method(shard.entries());
    if (!method.empty()) return "; the checkpoint is quantized with " + method + unquantized_advice();
  }
  return "";
}

std::vector<std::string> Weights::names() const {
  std::vector<std::string> names;
  for (const auto &[name, shard] : shard_of_) names.push_back(name);
  return names;
}

TensorView Weights::tensor(const std::string &name) const {
  const auto found = shard_of_.find(name);
  if (found == shard_of_.end()) {
    refuse_file(folder_, "the weights have no tensor " + in_quotes(name) + misplaced(name) +
                             did_you_mean(name, names()));
  }
  return shards_[found->second].tensor(name);
}

size_t Weights::total_bytes() const {
  size_t bytes = 0;
  for (const SafetensorsFile &shard : shards_) {
    for (const auto &[name, entry] : shard.entries()) bytes += entry.end - entry.begin;
  }
  return bytes;
}

void Weights::prefetch() const {
  for (const SafetensorsFile &shard : shards_) shard.prefetch();
}

}  // namespace kvern::files
