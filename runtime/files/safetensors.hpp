// One safetensors file: its header checked to the letter, its tensors as views into the mapped file.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/files/dtype.hpp"
#include "runtime/files/mapped_file.hpp"

namespace kvern::files {

/// A tensor in row-major order, little-endian. `data` is aligned to the item size and read-only, and lives as
/// long as `owner` or any copy of it does. A tensor with a 0 in its shape has no bytes and may have a null
/// `data`.
struct TensorView {
  Dtype dtype = Dtype::f32;
  std::vector<int64_t> shape;
  const void *data = nullptr;
  size_t bytes = 0;
  std::shared_ptr<const void> owner;
};

/// What a header says of one tensor. Offsets count from the end of the header.
struct TensorEntry {
  Dtype dtype = Dtype::f32;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;
};

/// The checked contents of a header.
struct SafetensorsHeader {
  std::map<std::string, TensorEntry> tensors;
  std::map<std::string, std::string> metadata;
  uint64_t data_offset = 0;  ///< where in the file the tensors' bytes begin
};

/// Checks a whole file. The format's own rules, none relaxed: a header of at most 100 MB that is one JSON
/// object, known dtypes, sizes that are the product of the shape, and tensors that fill the rest of the file
/// without gap or overlap. Throws Error(model) that names `place` (the file), the tensor, and what would be
/// right.
SafetensorsHeader parse_safetensors(const std::byte *data, size_t size, const std::string &place);

/// An opened file. Immutable, usable from any thread.
class SafetensorsFile {
 public:
  /// Throws Error(model) for whatever MappedFile and parse_safetensors refuse.
  explicit SafetensorsFile(const std::filesystem::path &path);

  const std::filesystem::path &path() const { return file_->path(); }
  const std::map<std::string, TensorEntry> &entries() const { return header_.tensors; }
  const std::map<std::string, std::string> &metadata() const { return header_.metadata; }
  bool contains(const std::string &name) const { return header_.tensors.count(name) != 0; }

  /// The tensor; throws Error(model) with the nearest name if there is none. Where the file does not align a
  /// tensor to its item size the view owns an aligned copy; otherwise nothing is copied.
  TensorView tensor(const std::string &name) const;

  void prefetch() const { file_->prefetch(); }

 private:
  std::shared_ptr<const MappedFile> file_;
  SafetensorsHeader header_;
};

}  // namespace kvern::files
