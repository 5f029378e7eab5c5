// A language model as the generation loop sees it: a list of layers for the cache, and a forward pass through
// a cache.
#pragma once
#include <ATen/core/Tensor.h>
#include <cstdint>
#include <kvern/cache.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kvern {

/// New tokens for one forward pass.
struct ForwardInput {
  at::Tensor ids;  ///< int64 [B, T], on the CPU
  std::vector<int64_t>
      row_pos;               ///< [B] position of each row's first new token; negative: padding on the left
  int64_t total_length = 0;  ///< columns of the whole sequence so far, padding and these tokens included
  bool all_logits = false;   ///< logits of every new token, not only of the last
};

struct ModelInfo {
  std::string model_type;  ///< "llama"
  int64_t vocab_size = 0;
  int64_t max_positions = 0;  ///< how many positions can be fed at most; 0 = no limit
  int64_t parameters = 0;     ///< numbers in the weights, shared ones once
  int64_t weight_bytes = 0;
  Dtype dtype = Dtype::f32;  ///< of the weights
};

/// Immutable once loaded; forward may run on several threads, each with a cache of its own.
class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelInfo &info() const = 0;
  /// One entry per attention or mixer, in the order in which forward names them.
  virtual const std::vector<LayerSpec> &layers() const = 0;

  /// Runs the tokens through the layers and commits them to the cache: begin, per layer one attention, end.
  /// Returns float32 logits, [B, T, V] if all_logits, else [B, 1, V]. If it throws, the cache is as before.
  virtual at::Tensor forward(Cache &cache, const ForwardInput &input) const = 0;

  /// A number that changes where keys made at one sequence length no longer serve at another (longrope's
  /// switch from short to long factors): the loop then resets the cache and feeds everything again.
  virtual int64_t regime(int64_t /*total_length*/) const { return 0; }

  /// Extensions about this model for the cache's host, such as "kvern.rope/1"; the tables live as long as the
  /// model.
  virtual void offer_extensions(Host &host) const = 0;
};

}  // namespace kvern
