// Small model folders, written by tests and changed before.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "runtime/files/safetensors.hpp"

namespace kvern::testing {

/// A copy of a reference model whose tensors and config.json can be changed before it is written.
class TinyModel {
 public:
  explicit TinyModel(const std::filesystem::path &from);

  void erase(const std::string &tensor) { tensors_.erase(tensor); }
  /// The same bytes under another name, shape or type.
  void rename(const std::string &tensor, const std::string &name);
  void reshape(const std::string &tensor, std::vector<int64_t> shape) {
    tensors_.at(tensor).shape = std::move(shape);
  }
  void retype(const std::string &tensor, files::Dtype dtype, std::vector<int64_t> shape);
  void add(const std::string &tensor, std::vector<int64_t> shape);  ///< of zeros, f32
  void fill(const std::string &tensor, float value);                ///< of f32, in a copy
  /// All tensors rounded to a 16-bit type; `keep_f32` writes the rounded numbers as f32.
  void round(files::Dtype dtype, bool keep_f32);
  /// Takes `prefix` off the front of all names.
  void strip(const std::string &prefix);
  /// Replaces a key's value by JSON text, or removes the key where it is empty.
  void set(const std::string &key, const std::string &json);
  std::vector<std::string> names() const;

  void write(const std::filesystem::path &folder) const;
  /// As one shard model-1.safetensors with an index, which lists the names of `more` too and those of `fewer` not.
  void write_sharded(const std::filesystem::path &folder, const std::vector<std::string> &more,
                     const std::vector<std::string> &fewer) const;

 private:
  std::map<std::string, files::TensorView> tensors_;
  std::string config_;
};

}  // namespace kvern::testing
