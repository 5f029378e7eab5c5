// Changes on views; bytes are copied only where elements change.
#include "runtime/models/testing/tiny_model.hpp"

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "kernels/dtype.hpp"
#include "runtime/files/weights.hpp"
#include "runtime/files/write_safetensors.hpp"

namespace kvern::testing {
namespace {

size_t count(const std::vector<int64_t> &shape) {
  return static_cast<size_t>(std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>()));
}

files::TensorView allocate(files::Dtype dtype, std::vector<int64_t> shape) {
  files::TensorView view{dtype, std::move(shape), nullptr, 0, nullptr};
  view.bytes = count(view.shape) * files::item_size(dtype);
  const auto memory = std::make_shared<std::vector<char>>(view.bytes);
  view.data = memory->data();
  view.owner = memory;
  return view;
}

files::TensorView rounded(const files::TensorView &from, files::Dtype dtype, bool keep_f32) {
  const auto kernel = dtype == files::Dtype::bf16 ? kernels::Dtype::bf16 : kernels::Dtype::f16;
  files::TensorView to = allocate(keep_f32 ? files::Dtype::f32 : dtype, from.shape);
  void *out = const_cast<void *>(to.data);
  for (size_t i = 0; i < count(from.shape); ++i) {
    const float x = static_cast<const float *>(from.data)[i];
    uint16_t bits = 0;
    kernels::store_element(&bits, kernel, 0, x);
    const int64_t at = static_cast<int64_t>(i);
    if (keep_f32) {
      kernels::store_element(out, kernels::Dtype::f32, at, kernels::load_element(&bits, kernel, 0));
    } else {
      kernels::store_element(out, kernel, at, x);
    }
  }
  return to;
}

}  // namespace

TinyModel::TinyModel(const std::filesystem::path &from) {
  const files::Weights weights = files::Weights::open(from);
  for (const std::string &name : weights.names()) tensors_[name] = weights.tensor(name);
  std::ifstream file(from / "config.json");
  config_.assign(std::istreambuf_iterator<char>(file), {});
}

void TinyModel::rename(const std::string &tensor, const std::string &name) {
  auto node = tensors_.extract(tensor);
  node.key() = name;
  tensors_.insert(std::move(node));
}

void TinyModel::retype(const std::string &tensor, files::Dtype dtype, std::vector<int64_t> shape) {
  tensors_.at(tensor) = allocate(dtype, std::move(shape));
}

void TinyModel::add(const std::string &tensor, std::vector<int64_t> shape) {
  tensors_[tensor] = allocate(files::Dtype::f32, std::move(shape));
}

void TinyModel::round(files::Dtype dtype, bool keep_f32) {
  for (auto &[name, view] : tensors_) view = rounded(view, dtype, keep_f32);
}

void TinyModel::strip(const std::string &prefix) {
  for (const std::string &name : names()) {
    if (name.compare(0, prefix.size(), prefix) == 0) rename(name, name.substr(prefix.size()));
  }
}

void TinyModel::set(const std::string &key, const std::string &json) {
  nlohmann::json config = nlohmann::json::parse(config_);
  config.erase(key);
  if (!json.empty()) config[key] = nlohmann::json::parse(json);
  config_ = config.dump();
}

std::vector<std::string> TinyModel::names() const {
  std::vector<std::string> names;
  for (const auto &[name, view] : tensors_) names.push_back(name);
  return names;
}

void TinyModel::fill(const std::string &tensor, float value) {
  files::TensorView &view = tensors_.at(tensor);
  view = allocate(files::Dtype::f32, view.shape);
  std::fill_n(static_cast<float *>(const_cast<void *>(view.data)), count(view.shape), value);
}

void TinyModel::write_sharded(const std::filesystem::path &folder, const std::vector<std::string> &more,
                              const std::vector<std::string> &fewer) const {
  const std::string shard = "model-1.safetensors";
  nlohmann::json map;
  for (const auto &[name, view] : tensors_) map[name] = shard;
  for (const std::string &name : more) map[name] = shard;
  for (const std::string &name : fewer) map.erase(name);
  std::ofstream(folder / "config.json") << config_;
  std::ofstream(folder / "model.safetensors.index.json") << R"({"weight_map": )" << map << "}";
  files::write_safetensors(folder / shard, tensors_);
}

void TinyModel::write(const std::filesystem::path &folder) const {
  std::ofstream(folder / "config.json") << config_;
  files::write_safetensors(folder / "model.safetensors", tensors_);
}

}  // namespace kvern::testing
