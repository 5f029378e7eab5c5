// Looks tensors up in a model folder by the family's names, checks type and shape, and converts where another
// type was asked for. Knows no family.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <kvern/dtype.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "devices/cpu/cpu_queue.hpp"
#include "runtime/files/quantized_checkpoint.hpp"
#include "runtime/files/weights.hpp"
#include "runtime/models/weight.hpp"

namespace kvern::models {

/// One axis that a tensor must have, with the name that config.json has for it.
struct Axis {
  std::string name;
  int64_t extent;
};

/// By the name of a tensor, what the squared error of each column of the matrix counts.
using Importance = std::map<std::string, std::vector<float>>;

/// Which matrices become packed while a model is loaded.
struct Packing {
  int bits = 0;            ///< of linear layers: 8, 4, or 0: as the folder has them
  int64_t group_size = 0;  ///< inputs with one scale: a multiple of 32; 0: 32
  int head_bits = 0;       ///< of the head: 8, 4, 16: as the folder has it; 0: 8 where `bits` is not 0
  /// Of the table of token embeddings: 8, 4, 16: as the folder has it; 0: 8 where a head of 8 bits is tied to it, else 16.
  int embedding_bits = 0;
  const Importance *importance =
      nullptr;  ///< nullable: all columns, and those of tensors that are not in it, count the same

  /// Is anything said?
  bool asks() const { return bits != 0 || head_bits != 0 || embedding_bits != 0; }
};

/// What is read: each packed matrix under the name of its tensor, and the tensors that are used as they are.
struct ReadRecord {
  std::map<std::string, PackedWeight> packed;
  std::map<std::string, Weight> plain;
};

/// Used while a model is loaded. What it returns lives on its own.
class WeightReader {
 public:
  /// `dtype`: the type that every tensor is converted to, none = each stays as it is in the file, mapped.
  /// On a queue that is not the host's the weights are uploaded.
  WeightReader(files::Weights weights, std::optional<Dtype> dtype, Queue &queue = cpu_queue());

  /// The tensor of that name. Throws Error(model) that names it and what is expected and found: absent,
  /// another shape, no floating-point type of 16 or 32 bits.
  Weight read(const std::string &name, const std::vector<Axis> &axes);
  /// The same in this type, whatever type the others have.
  Weight read_as(Dtype dtype, const std::string &name, const std::vector<Axis> &axes);
  /// As read and read_as, in host memory: what is computed anew before it is uploaded, or read on the host.
  Weight read_on_host(const std::string &name, const std::vector<Axis> &axes);
  Weight read_on_host_as(Dtype dtype, const std::string &name, const std::vector<Axis> &axes);
  Queue &queue() const { return queue_; }
  /// As it is, or packed.
  bool contains(const std::string &name) const { return has_plain(name) || has_packed(name); }
  bool has_plain(const std::string &name) const { return weights_.contains(name); }
  bool has_packed(const std::string &name) const { return weights_.contains(name + ".codes"); }

  /// How matrices are packed; without a call they are not, but those of a quantized folder.
  void set_packing(const Packing &packing, const files::Quantization &quantization, ReadRecord *record);
  const Packing &packing() const { return packing_; }
  const files::Quantization &quantization() const { return quantization_; }
  /// A tensor as it is in the file, of any type.
  files::TensorView raw(const std::string &name) const { return weights_.tensor(name); }
  /// The tensor of that name and shape, as it is in the file, without keeping or counting it.
  Weight peek(const std::string &name, const std::vector<Axis> &axes) const;
  /// Counts a packed matrix and records it.
  PackedWeight keep_packed(const std::string &name, PackedWeight packed);
  [[noreturn]] void refuse(const std::string &name, const std::string &why) const;
  /// The type that a tensor has, or has had before it was packed.
  kernels::Dtype dtype_of(const std::string &name) const;

  int64_t parameters() const { return parameters_; }  ///< elements read so far, each tensor once
  int64_t bytes() const { return bytes_; }            ///< that these take in memory

 private:
  const Weight &record(const std::string &name, const Weight &weight);
  void count(const std::string &name, int64_t elements);
  std::string nearest(const std::string &name) const;
  Weight read(const std::string &name, const std::vector<Axis> &axes, std::optional<kernels::Dtype> to);
  Weight read_on_host(const std::string &name, const std::vector<Axis> &axes,
                      std::optional<kernels::Dtype> to);
  Weight checked(const std::string &name, const std::vector<Axis> &axes,
                 std::optional<kernels::Dtype> to) const;

  files::Weights weights_;
  std::optional<kernels::Dtype> dtype_;
  Queue &queue_;
  std::map<std::string, Weight> read_;
  std::set<std::string> counted_;
  int64_t parameters_ = 0, bytes_ = 0;
  Packing packing_;
  files::Quantization quantization_;
  ReadRecord *record_ = nullptr;
};

}  // namespace kvern::models
