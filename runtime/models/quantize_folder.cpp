// What the model reads decides: a tensor whose matrix was packed is left out, unless it is read as it is too (a tied table).
#include "runtime/models/quantize_folder.hpp"

#include <unistd.h>

#include <fstream>
#include <kvern/error.hpp>
#include <nlohmann/json.hpp>

#include "runtime/files/weights.hpp"
#include "runtime/files/write_safetensors.hpp"
#include "runtime/models/load.hpp"
#include "runtime/models/packed_reader.hpp"
#include "runtime/support/printable.hpp"
#include "runtime/support/read_file.hpp"

namespace kvern {
namespace {

namespace fs = std::filesystem;
using Tensors = std::map<std::string, files::TensorView>;

[[noreturn]] void fail(const fs::path &path, const std::string &why) {
  throw Error(ErrorKind::output, printable(path.string(), 4096) + ": " + why);
}

/// A folder beside its destination, which takes its place at the end; removed where that does not happen.
class NewFolder {
 public:
  explicit NewFolder(const fs::path &to)
      : to_(to.has_filename() ? to : to.parent_path()),
        part_(to_.string() + ".new-" + std::to_string(::getpid())) {
    std::error_code failed;
    if (fs::exists(to_, failed)) fail(to_, "exists already; name a folder that is not there yet");
    fs::create_directories(part_, failed);
    if (failed) fail(part_, "cannot be made: " + failed.message());
  }
  ~NewFolder() {
    std::error_code ignored;
    fs::remove_all(part_, ignored);
  }
  NewFolder(const NewFolder &) = delete;
  NewFolder &operator=(const NewFolder &) = delete;

  const fs::path &path() const { return part_; }
  void finish() {
    std::error_code failed;
    fs::rename(part_, to_, failed);
    if (failed) fail(to_, "cannot be made: " + failed.message());
  }

 private:
  fs::path to_, part_;
};

Tensors tensors_of(const files::Weights &weights, const models::ReadRecord &record) {
  Tensors tensors;
  for (const std::string &name : weights.names())
    if (record.packed.count(name) == 0 || record.plain.count(name) != 0) tensors[name] = weights.tensor(name);
  for (const auto &[name, packed] : record.packed)
    for (const auto &[suffix, view] : models::packed_tensors(packed)) tensors[name + suffix] = view;
  return tensors;
}

int64_t bytes_of(const Tensors &tensors) {
  int64_t bytes = 0;
  for (const auto &[name, view] : tensors) bytes += static_cast<int64_t>(view.bytes);
  return bytes;
}

void write_config(const fs::path &from, const fs::path &to, const models::Packing &packing, Dtype dtype) {
  auto config = nlohmann::ordered_json::parse(read_file(from / "config.json", ErrorKind::model));
  config["quantization_config"] = {{"quant_method", "kvern"},
                                   {"format", files::kPackedFormat},
                                   {"bits", packing.bits},
                                   {"group_size", packing.group_size == 0 ? 32 : packing.group_size},
                                   {"head_bits", packing.head_bits == 0 ? 8 : packing.head_bits},
                                   {"dtype", dtype_name(dtype)}};
  if (packing.embedding_bits != 0) config["quantization_config"]["embedding_bits"] = packing.embedding_bits;
  std::ofstream out(to / "config.json", std::ios::binary);
  out << config.dump(2) << '\n' << std::flush;
  if (!out) fail(to / "config.json", "cannot be written");
}

bool is_of_weights(const fs::path &file) {
  const std::string name = file.filename().string();
  for (const char *suffix :
       {".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".gguf", ".pt", ".pth"})
    if (name.ends_with(suffix)) return true;
  return false;
}

void copy_others(const fs::path &from, const fs::path &to) {
  for (const auto &entry : fs::directory_iterator(from)) {
    if (!entry.is_regular_file() || entry.path().filename() == "config.json" || is_of_weights(entry.path()))
      continue;
    std::error_code failed;
    fs::copy_file(entry.path(), to / entry.path().filename(), failed);
    if (failed) fail(to / entry.path().filename(), "cannot be written: " + failed.message());
  }
}

}  // namespace

QuantizeReport quantize_folder(const fs::path &from, const fs::path &to, const models::Packing &packing) {
  NewFolder folder(to);
  models::ReadRecord record;
  LoadOptions options;
  options.packing = packing;
  options.record = &record;
  const Dtype dtype = load_model(from, options)->info().dtype;
  const files::Weights weights = files::Weights::open(from);
  const Tensors tensors = tensors_of(weights, record);
  files::write_safetensors(folder.path() / "model.safetensors", tensors, {{"format", "pt"}});
  write_config(from, folder.path(), packing, dtype);
  copy_others(from, folder.path());
  folder.finish();
  return {static_cast<int64_t>(record.packed.size()), static_cast<int64_t>(weights.total_bytes()),
          bytes_of(tensors)};
}

}  // namespace kvern
