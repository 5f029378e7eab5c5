// Reads the cases by the layout that tests/reference describes.
#include "runtime/models/testing/forward_cases.hpp"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "core/torch/torch.hpp"
#include "runtime/files/json.hpp"
#include "runtime/files/safetensors.hpp"

namespace kvern::testing {
namespace {

namespace fs = std::filesystem;

fs::path own_folder() { return source_folder() / "tests/reference"; }

at::Tensor read_logits(const fs::path &file) {
  const files::TensorView view = files::SafetensorsFile(file).tensor("logits");
  return at::from_blob(const_cast<void *>(view.data), view.shape, at::kFloat).clone();
}

std::vector<int64_t> read_padding(const nlohmann::json &json) {
  std::vector<int64_t> padding;
  if (json.at("attention_mask").is_null()) return padding;
  for (const auto &row : json.at("attention_mask")) padding.push_back(std::count(row.begin(), row.end(), 0));
  return padding;
}

ForwardCase read_case(const fs::path &root, const fs::path &file) {
  const files::JsonObject object = files::JsonObject::read(file);
  const nlohmann::json &json = object.raw();
  ForwardCase c;
  c.id = json.at("id");
  c.model = root / "models" / json.at("model").get<std::string>();
  c.ids = json.at("input_ids").get<std::vector<std::vector<int64_t>>>();
  c.padding = read_padding(json);
  c.logits = read_logits(file.parent_path() / json.at("tensors").at("file").get<std::string>());
  c.atol = json.at("tolerance").at("atol");
  c.rtol = json.at("tolerance").at("rtol");
  return c;
}

}  // namespace

fs::path source_folder() {
  const char *source = std::getenv("KVERN_SOURCE_DIR");
  if (source == nullptr) throw std::runtime_error("KVERN_SOURCE_DIR is not set; ctest sets it");
  return source;
}

std::vector<fs::path> reference_folders() {
  std::vector<fs::path> folders;
  for (const auto &entry : fs::directory_iterator(own_folder())) folders.push_back(entry.path());
  const char *more = std::getenv("KVERN_REFERENCE_DIRS");
  std::istringstream list(more ? more : "");
  for (std::string folder; std::getline(list, folder, ':');) {
    if (!folder.empty()) folders.emplace_back(folder);
  }
  return folders;
}

std::vector<ForwardCase> forward_cases() {
  std::vector<ForwardCase> cases;
  for (const fs::path &root : reference_folders()) {
    if (!fs::exists(root / "cases/forward")) continue;
    for (const auto &entry : fs::directory_iterator(root / "cases/forward")) {
      if (entry.path().extension() == ".json") cases.push_back(read_case(root, entry.path()));
    }
  }
  return cases;
}

fs::path reference_model(const std::string &name) {
  for (const char *folder : {"decoders", "recent", "states", "encoders"}) {
    const fs::path path = own_folder() / folder / "models" / name;
    if (fs::exists(path)) return path;
  }
  throw std::runtime_error("there is no reference model " + name);
}

}  // namespace kvern::testing
