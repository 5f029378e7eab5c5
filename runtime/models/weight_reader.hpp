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

#include "runtime/files/weights.hpp"
#include "runtime/models/weight.hpp"

namespace kvern::models {

/// One axis that a tensor must have, with the name that config.json has for it.
struct Axis {
  std::string name;
  int64_t extent;
};

/// Used while a model is loaded. What it hands out lives on its own.
class WeightReader {
 public:
  /// `dtype`: the type that every tensor is converted to, none = each stays as it is in the file, mapped.
  WeightReader(files::Weights weights, std::optional<Dtype> dtype);

  /// Names are tried as they are, then with each prefix in front: files written from the bare model lack it.
  /// The first prefix under which `probe` exists holds for all names.
  void choose_prefix(const std::vector<std::string> &prefixes, const std::string &probe);

  /// The tensor behind prefix + name. Throws Error(model) that names the tensor and what is expected and
  /// found: absent, another shape, no floating-point type of 16 or 32 bits.
  Weight read(const std::string &name, const std::vector<Axis> &axes);
  bool contains(const std::string &name) const;

  int64_t parameters() const { return parameters_; }  ///< numbers read so far, each tensor once
  int64_t bytes() const { return bytes_; }            ///< that these take in memory

 private:
  std::string full_name(const std::string &name) const;
  Weight convert(const files::TensorView &view, kernels::Dtype from) const;
  [[noreturn]] void refuse(const std::string &name, const std::string &why) const;

  files::Weights weights_;
  std::optional<kernels::Dtype> dtype_;
  std::string prefix_;
  std::map<std::string, Weight> read_;
  int64_t parameters_ = 0, bytes_ = 0;
};

}  // namespace kvern::models
