// The host extension "kvern.rope/1" over a model's rotation, for caches that keep keys before rotation or
// rotate them again.
#pragma once
#include <kvern/abi/rope.h>
#include <kvern/rope.hpp>
#include <vector>

#include "devices/cpu/cpu_queue.hpp"

namespace kvern::models {

/// The rotation of a layer's keys, borrowed; nullptr: they are not rotated.
struct LayerRope {
  const Rope *rope = nullptr;
  int64_t first = 0;  ///< the first element of a head that is rotated
};

/// Neither copied nor moved: the table points here.
class RopeExtension {
 public:
  /// Of each layer of the cache.
  explicit RopeExtension(std::vector<LayerRope> ropes, Queue &queue = cpu_queue());
  RopeExtension(const RopeExtension &) = delete;
  RopeExtension &operator=(const RopeExtension &) = delete;

  /// Lives as long as this object.
  const kvern_rope_1 *table() const { return &table_; }
  /// Without elements to rotate where the layer has none.
  const Rope &rope(int32_t layer) const;
  int64_t first(int32_t layer) const { return ropes_[static_cast<size_t>(layer)].first; }
  int32_t layers() const { return static_cast<int32_t>(ropes_.size()); }
  Queue &queue() const { return queue_; }

 private:
  std::vector<LayerRope> ropes_;
  Rope none_;
  Queue &queue_;
  kvern_rope_1 table_;
};

}  // namespace kvern::models
