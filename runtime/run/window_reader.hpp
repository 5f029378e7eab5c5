// A cache through which a model reads a window of text, piece by piece. Counts time, and bytes at the end of a window.
#pragma once
#include <kvern/cache.hpp>
#include <kvern/model.hpp>

#include "runtime/run/text_windows.hpp"

namespace kvern {

class WindowReader {
 public:
  /// Feeds at most `chunk` tokens at a time. The model outlives this.
  WindowReader(const Model &model, Cache cache, int64_t chunk)
      : model_(model), cache_(std::move(cache)), chunk_(chunk) {}

  int64_t chunk() const { return chunk_; }
  const Cache &cache() const { return cache_; }

  /// Forgets the last window.
  void start();
  /// Feeds tokens [begin, end) behind those fed before; returns their logits, float32 [end - begin, V].
  at::Tensor read(const Ids &window, int64_t begin, int64_t end);

  double ms_per_token() const { return ms_ / static_cast<double>(tokens_); }

 private:
  at::Tensor step(const Ids &window, int64_t begin, int64_t end);
  int64_t piece(int64_t left) const;

  const Model &model_;
  Cache cache_;
  int64_t chunk_, most_ = 0, rope_version_ = 0, tokens_ = 0;
  double ms_ = 0;
};

}  // namespace kvern
