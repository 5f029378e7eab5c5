// The host extension "kvern.rope/1" over a model's rotation, for caches that keep keys before rotation or
// rotate them again.
#pragma once
#include <kvern/abi/rope.h>
#include <kvern/rope.hpp>
#include <vector>

namespace kvern::models {

/// Neither copied nor moved: the table points here.
class RopeExtension {
 public:
  /// Of each layer of the cache, borrowed; nullptr: its keys are not rotated.
  explicit RopeExtension(std::vector<const Rope *> ropes);
  RopeExtension(const RopeExtension &) = delete;
  RopeExtension &operator=(const RopeExtension &) = delete;

  /// Lives as long as this object.
  const kvern_rope_1 *table() const { return &table_; }
  /// Without elements to rotate where the layer has none.
  const Rope &rope(int32_t layer) const;
  int32_t layers() const { return static_cast<int32_t>(ropes_.size()); }

 private:
  std::vector<const Rope *> ropes_;
  Rope none_;
  kvern_rope_1 table_;
};

}  // namespace kvern::models
