// A language model as the generation loop sees it: a list of layers for the cache, and forward passes that compute in a step
// which the caller has opened.
#pragma once
#include <ATen/core/Tensor.h>
#include <cstdint>
#include <exception>
#include <functional>
#include <kvern/cache.hpp>
#include <memory>
#include <string>
#include <vector>

#include "devices/cpu/cpu_queue.hpp"

namespace kvern {

class Step;

/// What a model's encoder reads.
enum class EncoderKind { none, text, audio };

struct ModelInfo {
  std::string model_type;  ///< "llama"
  int64_t vocab_size = 0;
  int64_t max_positions = 0;  ///< how many positions can be fed at most; 0 = no limit
  int64_t parameters = 0;     ///< elements of the weights, shared ones once
  int64_t weight_bytes = 0;
  Dtype dtype = Dtype::f32;  ///< of the weights
  EncoderKind encoder = EncoderKind::none;
  int64_t max_encoder_positions = 0;  ///< hidden states that the encoder gives at most; 0 = no limit
};

/// What an encoder reads: token ids, or features of sound or images.
struct EncoderInput {
  at::Tensor ids;                ///< int64 [B, S], on the CPU; or undefined
  at::Tensor features;           ///< float32 [B, F, S]; or undefined
  std::vector<int64_t> row_len;  ///< [B] entries that are no padding, which is on the right; empty: all
};

/// What an encoder gives: the hidden states that CROSS layers make their keys and values of.
struct Encoded {
  at::Tensor hidden;             ///< float32 [B, S, d]
  std::vector<int64_t> row_len;  ///< [B] entries that are no padding; empty: all
};

/// Thrown by a forward pass that was asked to stop.
class StopRequested : public std::exception {
 public:
  const char *what() const noexcept override { return "a forward pass was asked to stop"; }
};

/// New tokens for one forward pass. Their positions are the step's.
struct Input {
  enum class Logits { none, last, all };

  at::Tensor ids;                    ///< int64 [B, T], on the CPU
  Logits logits = Logits::last;      ///< of which new tokens
  bool hidden = false;               ///< also the last hidden states of all new tokens (contrastive search)
  const Encoded *encoded = nullptr;  ///< given in the steps whose request has n_cross
  /// Throw Error(model) that names the first layer and sublayer whose output is not finite. Slow; for the message only.
  bool locate_non_finite = false;
  /// Asked after each sublayer, so that a long prompt can be interrupted; if it says true, forward throws StopRequested. Borrowed.
  const std::function<bool()> *stop_requested = nullptr;
};

struct Output {
  at::Tensor logits;  ///< float32 [B, 1 or T, V]; undefined for Logits::none
  at::Tensor hidden;  ///< float32 [B, T, d], after the final norm; undefined unless asked for
};

/// Immutable once loaded; forward may run on several threads, each with a cache of its own.
class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelInfo &info() const = 0;
  /// One entry per attention or mixer, in the order in which forward names them.
  virtual const std::vector<LayerSpec> &layers() const = 0;

  /// The device that it computes on; caches of it are there, too.
  virtual Queue &queue() const { return cpu_queue(); }

  /// For each of layers() what else its block computes, for people to read: "MLP", "experts: 8 of 64". Empty where unknown.
  virtual std::vector<std::string> feed_forward() const { return {}; }

  /// Computes in a step that the caller opened, with as many rows and new tokens as input.ids; the caller keeps its tokens or
  /// aborts it. If it throws, the step can only be aborted.
  virtual Output forward(Step &step, const Input &input) const = 0;

  /// Throws Error(internal) unless the model has an encoder.
  virtual Encoded encode(const EncoderInput &) const {
    throw Error(ErrorKind::internal, "the model '" + info().model_type + "' has no encoder");
  }

  /// Version of the rotary frequencies at a sequence length: keys match queries of the same version only (longrope switches
  /// from short to long factors). When it changes the loop resets the cache and feeds everything again.
  virtual int64_t rope_version(int64_t /*total_length*/) const { return 0; }

  /// Extensions about this model for the cache's host, such as "kvern.rope/1"; the tables live as long as the model.
  virtual void offer_extensions(Host &host) const = 0;
};

}  // namespace kvern
