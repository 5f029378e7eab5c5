// Looks tensors up in a model folder by the family's names, checks type and shape, and converts where another
// type was asked for. Knows no family.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <kvern/dtype.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "devices/cpu/cpu_queue.hpp"
#include "runtime/files/weights.hpp"
#include "runtime/models/weight.hpp"

namespace kvern::models {

/// One axis that a tensor must have, with the name that config.json has for it.
struct Axis {
  std::string name;
  int64_t extent;
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
  bool contains(const std::string &name) const { return weights_.contains(name); }

  int64_t parameters() const { return parameters_; }  ///< elements read so far, each tensor once
  int64_t bytes() const { return bytes_; }            ///< that these take in memory

 private:
  std::string nearest(const std::string &name) const;
  Weight read(const std::string &name, const std::vector<Axis> &axes, std::optional<kernels::Dtype> to);
  Weight upload(const Weight &host) const;
  [[noreturn]] void refuse(const std::string &name, const std::string &why) const;

  files::Weights weights_;
  std::optional<kernels::Dtype> dtype_;
  Queue &queue_;
  std::map<std::string, Weight> read_;
  int64_t parameters_ = 0, bytes_ = 0;
};

}  // namespace kvern::models
