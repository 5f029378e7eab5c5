// A device as a queue of kernels: calls are executed in order, on a CPU before they return. Pointers in calls are device memory.
// Free of LibTorch. A queue serves one thread at a time.
#pragma once
#include <dlpack/dlpack.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "kernels/attention.hpp"
#include "kernels/causal_conv.hpp"
#include "kernels/delta_rule.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/experts.hpp"
#include "kernels/matmul.hpp"
#include "kernels/route.hpp"
#include "kernels/selective_scan.hpp"
#include "kernels/sigmoid_gate.hpp"
#include "kernels/ssd_scan.hpp"
#include "kernels/weights/embedding.hpp"
#include "kernels/weights/product.hpp"

struct kvern_device_1;

namespace kvern {

enum class Norm : int32_t { rms, layer };

/// out = out + scale * x, [rows, dim] float32; strides count elements.
struct AddCall {
  int64_t rows = 0, dim = 0;
  float *out = nullptr;
  int64_t out_stride = 0;
  const float *x = nullptr;
  int64_t x_stride = 0;
  float scale = 1.0f;
};

/// ids[r] = index of the largest of the n elements of row r, the first among equals. x float32 [rows, n].
struct ArgmaxCall {
  int64_t rows = 0, n = 0;
  const float *x = nullptr;
  int64_t x_stride = 0;
  int64_t *ids = nullptr;
};

/// Device memory, freed with the object in the order of its queue: calls given before may still use it. Uninitialized. Aligned to
/// 64 bytes.
class DeviceMemory {
 public:
  using Release = void (*)(void *owner, void *data, std::size_t bytes);
  DeviceMemory() = default;
  DeviceMemory(void *data, std::size_t bytes, void *owner, Release release)
      : data_(data), bytes_(bytes), owner_(owner), release_(release) {}
  ~DeviceMemory() {
    if (data_) release_(owner_, data_, bytes_);
  }
  DeviceMemory(DeviceMemory &&other) noexcept { swap(other); }
  DeviceMemory &operator=(DeviceMemory &&other) noexcept {
    swap(other);
    return *this;
  }

  void *data() const { return data_; }
  float *floats() const { return static_cast<float *>(data_); }
  std::size_t bytes() const { return bytes_; }
  explicit operator bool() const { return data_ != nullptr; }

 private:
  void swap(DeviceMemory &other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(owner_, other.owner_);
    std::swap(release_, other.release_);
  }
  void *data_ = nullptr;
  std::size_t bytes_ = 0;
  void *owner_ = nullptr;
  Release release_ = nullptr;
};

class Queue {
 public:
  virtual ~Queue() = default;
  virtual DLDevice place() const = 0;
  /// For kvern_step.stream; NULL on a CPU.
  virtual void *stream() const = 0;

  // The kernels, with the call structs of kernels/.
  virtual void matmul(const kernels::MatmulCall &call) = 0;
  virtual void batched_matmul(const kernels::BatchedMatmulCall &call) = 0;
  virtual void packed_matmul(const kernels::PackedMatmulCall &call) = 0;
  virtual void norm(Norm kind, const kernels::NormCall &call) = 0;
  virtual void activate(const kernels::ActivationCall &call) = 0;
  virtual void embed(const kernels::EmbeddingCall &call) = 0;
  virtual void packed_embed(const kernels::PackedEmbeddingCall &call) = 0;
  virtual void add_scaled(const AddCall &call) = 0;
  virtual void rotate(const kernels::RotaryCall &call) = 0;
  virtual void convert(const kernels::ConvertCall &call) = 0;
  virtual void attention(const kernels::AttentionCall &call) = 0;
  virtual void argmax(const ArgmaxCall &call) = 0;
  virtual void causal_conv(const kernels::CausalConvCall &call) = 0;
  virtual void selective_scan(const kernels::SelectiveScanCall &call) = 0;
  virtual void ssd_scan(const kernels::SsdScanCall &call) = 0;
  virtual void delta_rule(const kernels::DeltaRuleCall &call) = 0;
  virtual void sigmoid_gate(const kernels::SigmoidGateCall &call) = 0;
  virtual void route(const kernels::RouteCall &call) = 0;
  virtual void experts(const kernels::ExpertsCall &call) = 0;

  // memory
  /// Allocates device memory. Throws std::bad_alloc.
  virtual DeviceMemory take(std::size_t bytes) = 0;
  /// Allocates host memory that the device reads and writes in the order of its streams. Throws std::bad_alloc.
  virtual DeviceMemory take_pinned(std::size_t bytes) { return take(bytes); }
  /// Copies all elements; shapes are equal, strides, devices and float dtypes may differ. Throws std::invalid_argument for tensors
  /// that do not fit.
  virtual void copy(const DLTensor &from, const DLTensor &to) = 0;
  /// Copies bytes from host memory to the device, or back: `from` has been read, or `to` written, at the return.
  virtual void upload(const void *from, void *to, std::size_t bytes) = 0;
  virtual void download(const void *from, void *to, std::size_t bytes) = 0;
  /// Waits for all calls given so far.
  virtual void finish() = 0;
  /// "kvern.device/1" of this device, as long as the queue lives; NULL on a CPU.
  virtual const kvern_device_1 *mover() const { return nullptr; }
};

}  // namespace kvern
