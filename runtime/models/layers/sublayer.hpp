// What a block is made of: each sublayer adds its output to the residual stream. A new kind of mixer or MLP is a new file
// beside this one.
#pragma once
#include <functional>
#include <kvern/cache.hpp>
#include <kvern/model.hpp>
#include <kvern/step.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/models/layers/norm.hpp"
#include "runtime/models/layers/projection.hpp"
#include "runtime/models/layers/matrix_view.hpp"

namespace kvern::models {

/// Memory for one sublayer at a time: what one has taken the next one takes again, so that a pass allocates in its first
/// block only.
class Scratch {
 public:
  explicit Scratch(Queue &queue) : queue_(queue) {}
  /// float32 [rows, dim], contents undefined, valid until free_all.
  MatrixView take(int64_t rows, int64_t dim);
  void free_all() { next_ = 0; }

 private:
  Queue &queue_;
  std::vector<DeviceMemory> memory_;
  std::size_t next_ = 0;
};

/// x *= factor, in place, the first `dim` elements of each row.
void scale_rows(const MatrixView &x, int64_t dim, float factor, Queue &queue);

/// to = from, whole rows of to.stride elements.
void copy(const MatrixView &from, const MatrixView &to, Queue &queue);

/// One forward pass as the sublayers see it.
struct Activations {
  MatrixView residual;  ///< [batch * n_new, hidden_size], the residual stream
  MatrixView normed;    ///< of the same shape: input of the sublayer at hand
  MatrixView
      block;  ///< of the same shape: the residual stream where the block began, if a sublayer of it reads that
  int64_t batch = 0, n_new = 0;
  int layer = 0;                     ///< the cache's layer of the sublayer at hand, if its spec() has one
  const Encoded *encoded = nullptr;  ///< as Input::encoded
  Scratch &scratch;
};

/// n heads of `dim` elements in rows [batch * n_new, ...], `head_stride` apart, the first from column `first` on.
inline HeadsView heads(const Activations &x, const MatrixView &rows, int64_t dim, int64_t first, int64_t n,
                       int64_t head_stride) {
  return {rows.data + first, x.batch, n, x.n_new, dim, x.n_new * rows.stride, head_stride, rows.stride};
}

/// Immutable once made.
class Sublayer {
 public:
  virtual ~Sublayer() = default;
  virtual const char *name() const = 0;  ///< "attention"
  /// The same with its sizes, for people to read.
  virtual std::string describe() const { return name(); }
  /// What it needs of the cache: keys and values, states, or nothing.
  virtual std::optional<LayerSpec> spec() const { return std::nullopt; }
  /// The rotary embedding of its keys, or nullptr.
  virtual const Rope *rope() const { return nullptr; }
  /// Does it read Activations::block?
  virtual bool reads_block() const { return false; }
  /// Adds its output to x.residual.
  virtual void add_to(Activations &x, Step &step) const = 0;
};

enum class SublayerInput {
  norm,        ///< the norm of the residual stream
  block_norm,  ///< the norm of the residual stream where the block began (parallel sublayers with a norm each)
  shared_norm,  ///< what the sublayer before it has read (parallel attention and MLP)
  residual      ///< the residual stream as it is
};

/// What surrounds a sublayer: residual = stream_norm(residual + multiplier * post_norm(sublayer(input))).
struct Residual {
  SublayerInput input = SublayerInput::norm;
  NormLayer norm;       ///< for SublayerInput::norm and block_norm
  NormLayer post_norm;  ///< empty: the output as it is
  float multiplier = 1.0f;
  /// Of the sum: the residual stream itself is normed (BART, as in the first transformer); or empty.
  NormLayer stream_norm = {};
};

/// compute(out, into): out (or out +=, if into is add) = the sublayer of x.normed, which it may overwrite.
using Compute = std::function<void(const MatrixView &out, Into into)>;
/// Reads the input of a sublayer into x.normed, computes, and adds to x.residual.
void add_with_residual(const Residual &residual, Activations &x, Queue &queue, const Compute &compute);

/// A sublayer with that around it.
class ResidualSublayer : public Sublayer {
 public:
  explicit ResidualSublayer(Residual residual) : residual_(std::move(residual)) {}
  void add_to(Activations &x, Step &step) const final;
  bool reads_block() const final { return residual_.input == SublayerInput::block_norm; }

 protected:
  /// out (or out +=, if into is add) = the sublayer of x.normed, which it may overwrite. [batch * n_new, hidden_size]
  virtual void compute(Activations &x, Step &step, const MatrixView &out, Into into) const = 0;

  const Residual &residual() const { return residual_; }

 private:
  Residual residual_;
};

}  // namespace kvern::models
