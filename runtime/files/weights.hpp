// The weights of a model folder, whether one file or shards with an index. Knows names and bytes, no model
// family.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "runtime/files/safetensors.hpp"

namespace kvern::files {

/// Immutable after construction, usable from any thread. Views outlive it (TensorView::owner).
class Weights {
 public:
  /// Opens `folder`/model.safetensors, or the shards of `folder`/model.safetensors.index.json. Throws
  /// Error(model): the folder is absent or no folder, holds weights of another format only (the message says
  /// how to convert them), a shard is missing, the index has no shards, or a file is refused (SafetensorsFile).
  /// A tensor that the index lists and no shard holds, or the other way round, is no error: old exports list buffers that
  /// no model reads.
  static Weights open(const std::filesystem::path &folder);

  const std::filesystem::path &folder() const { return folder_; }
  bool contains(const std::string &name) const { return shard_of_.count(name) != 0; }
  std::vector<std::string> names() const;  ///< sorted
  /// ": model.safetensors.index.json places it in FILE, which does not hold it", or "" where no index does.
  std::string misplaced(const std::string &name) const;

  /// Where the tensors look like those of a quantized checkpoint: "; the checkpoint is quantized with METHOD ...", else "".
  /// For a message about a tensor that is missing or of a wrong dtype.
  std::string quantization_hint() const;

  /// The tensor; throws Error(model) with the folder and the nearest name if there is none.
  TensorView tensor(const std::string &name) const;

  /// Sum over all tensors.
  size_t total_bytes() const;

  /// Starts reading every file from the disk in the background.
  void prefetch() const;

 private:
  void place(const std::string &tensor, const std::string &file);

  std::filesystem::path folder_;
  std::vector<SafetensorsFile> shards_;
  std::map<std::string, size_t> shard_of_;        // tensor name -> index in shards_
  std::map<std::string, std::string> misplaced_;  // tensor that its shard lacks -> the shard's file name
};

}  // namespace kvern::files
