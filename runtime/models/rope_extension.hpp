// The host extension "kvern.rope/1" over a model's rotation, for caches that keep keys before rotation or
// turn them again.
#pragma once
#include <kvern/abi/rope.h>
#include <kvern/rope.hpp>

namespace kvern::models {

/// All layers turn alike. Neither copied nor moved: the table points here.
class RopeExtension {
 public:
  /// `rope` is borrowed and lives longer.
  RopeExtension(const Rope &rope, int32_t layers);
  RopeExtension(const RopeExtension &) = delete;
  RopeExtension &operator=(const RopeExtension &) = delete;

  /// Lives as long as this object.
  const kvern_rope_1 *table() const { return &table_; }
  const Rope &rope() const { return rope_; }
  int32_t layers() const { return layers_; }

 private:
  const Rope &rope_;
  int32_t layers_;
  kvern_rope_1 table_;
};

}  // namespace kvern::models
