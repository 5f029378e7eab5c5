// What matrices multiply while a model runs, for the quantizer: the squared error of a column counts the root mean square of its input. The
// mean square, which the error of the products on that very text would ask for, keeps too little of what other texts need.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "devices/forwarding_queue.hpp"
#include "runtime/models/weight_reader.hpp"

namespace kvern::models {

/// A queue of the CPU that notes the squares of what is multiplied with the tensors it watches: load a model on it, watch what was
/// read, and let the model read a text. Weights of 16 or 32 bits; packed ones are not noted.
class InputRecorder : public ForwardingQueue {
 public:
  explicit InputRecorder(Queue &to) : ForwardingQueue(to) {}

  void watch(const std::map<std::string, Weight> &tensors);
  /// Of each tensor that was multiplied, relative to the root mean square of all its inputs.
  Importance importance() const;

  void matmul(const kernels::MatmulCall &call) override;
  void experts(const kernels::ExpertsCall &call) override;

 private:
  struct Watched {
    const std::byte *end = nullptr;
    std::string name;
    std::vector<double> squares;  // [k], sums
    int64_t rows = 0;
  };
  void note(const void *weight, const float *x, int64_t rows, int64_t k, int64_t stride);

  std::map<const std::byte *, Watched> watched_;  // by the first byte
};

}  // namespace kvern::models
