#include "devices/cuda/cuda_queue.hpp"

#include <functional>
#include <new>
#include <stdexcept>
#include <vector>

#include "devices/cuda/device_table.hpp"
#include "devices/cuda/kernels.hpp"

namespace kvern::device {
namespace {

/// Host arrays of one call, in one copy to the device.
class HostArrays {
 public:
  template <class T>
  void add(const T *&array, int64_t n) {
    if (!array) return;
    slots_.push_back({bytes_.size(), [&array](char *at) { array = reinterpret_cast<const T *>(at); }});
    const auto *begin = reinterpret_cast<const char *>(array);
    bytes_.insert(bytes_.end(), begin, begin + static_cast<std::size_t>(n) * sizeof(T));
    bytes_.resize((bytes_.size() + 15) / 16 * 16);
  }
  std::size_t bytes() const { return bytes_.size(); }
  /// Every array that was added becomes the one on the device.
  void upload(void *to, Driver &driver, void *stream) {
    if (bytes_.empty()) return;
    driver.copy(bytes_.data(), to, bytes_.size(), stream);
    for (const Slot &slot : slots_) slot.set(static_cast<char *>(to) + slot.at);
  }

 private:
  struct Slot {
    std::size_t at;
    std::function<void(char *)> set;
  };
  std::vector<Slot> slots_;
  std::vector<char> bytes_;
};

int64_t extent_of_key_positions(const kernels::AttentionCall &c) {
  return (c.rows - 1) * c.key_pos_row_stride + (c.kv_heads - 1) * c.key_pos_head_stride + c.kv_len;
}

class CudaQueue final : public Queue {
 public:
  CudaQueue(std::unique_ptr<Driver> driver, int number)
      : driver_(std::move(driver)), number_(number), stream_(driver_->make_stream()), table_(*driver_) {}

  DLDevice place() const override { return {kDLCUDA, number_}; }
  void *stream() const override { return stream_; }

  void matmul(const kernels::MatmulCall &call) override {
    kernels::BatchedMatmulCall one;
    one.first = call;
    one.batch = 1;
    device::matmul(one, here());
  }
  void batched_matmul(const kernels::BatchedMatmulCall &call) override { device::matmul(call, here()); }
  void packed_matmul(const kernels::PackedMatmulCall &) override {
    throw std::invalid_argument("packed weights are multiplied on the CPU only");
  }
  void norm(Norm kind, const kernels::NormCall &call) override { device::norm(kind, call, here()); }
  void activate(const kernels::ActivationCall &call) override { device::activate(call, here()); }
  void embed(const kernels::EmbeddingCall &call) override { device::embed(call, here()); }
  void packed_embed(const kernels::PackedEmbeddingCall &) override {
    throw std::invalid_argument("packed weights are read on the CPU only");
  }
  void add_scaled(const AddCall &call) override { device::add_scaled(call, here()); }
  void rotate(const kernels::RotaryCall &call) override { device::rotate(call, here()); }
  void convert(const kernels::ConvertCall &call) override { device::convert(call, here()); }
  void argmax(const ArgmaxCall &call) override { device::argmax(call, here()); }
  void sigmoid_gate(const kernels::SigmoidGateCall &call) override { device::sigmoid_gate(call, here()); }
  void route(const kernels::RouteCall &call) override { device::route(call, here()); }

  void attention(const kernels::AttentionCall &call) override {
    kernels::AttentionCall there = call;
    HostArrays arrays;
    arrays.add(there.q_pos, call.rows * call.n_new);
    arrays.add(there.first_pos, call.rows);
    arrays.add(there.key_pos, extent_of_key_positions(call));
    const int splits = attention_splits(call, driver_->multiprocessors());
    const Temporary positions = upload(arrays);
    const Temporary parts(*driver_,
                          static_cast<std::size_t>(attention_elements(call, splits)) * sizeof(float), here());
    device::attention(there, splits, static_cast<float *>(parts.data()), here());
  }
  void experts(const kernels::ExpertsCall &call) override {
    for (int64_t e = 0; e < call.experts; ++e)
      if (call.expert[e].packed_gate || call.expert[e].packed_down)
        throw std::invalid_argument("packed experts are computed on the CPU only");
    kernels::ExpertsCall there = call;
    HostArrays arrays;
    arrays.add(there.expert, call.experts);
    const Temporary table = upload(arrays);
    const Temporary hidden(*driver_, static_cast<std::size_t>(expert_elements(call)) * sizeof(float), here());
    device::experts(there, static_cast<float *>(hidden.data()), here());
  }

  void causal_conv(const kernels::CausalConvCall &call) override { recur(call, device::causal_conv); }
  void selective_scan(const kernels::SelectiveScanCall &call) override {
    recur(call, device::selective_scan);
  }
  void ssd_scan(const kernels::SsdScanCall &call) override { recur(call, device::ssd_scan); }
  void delta_rule(const kernels::DeltaRuleCall &call) override { recur(call, device::delta_rule); }

  DeviceMemory take(std::size_t bytes) override {
    if (bytes == 0) return {};
    void *data = driver_->take(bytes, here());
    if (!data) throw std::bad_alloc();
    return {data, bytes, this, [](void *queue, void *memory, std::size_t) {
              const auto &self = *static_cast<CudaQueue *>(queue);
              self.driver_->give_back(memory, self.here());
            }};
  }
  DeviceMemory take_pinned(std::size_t bytes) override {
    if (bytes == 0) return {};
    driver_->use();
    void *data = driver_->take_pinned(bytes);
    if (!data) throw std::bad_alloc();
    return {data, bytes, this, [](void *queue, void *memory, std::size_t) {
              const auto &self = *static_cast<CudaQueue *>(queue);
              self.driver_->give_back_pinned(memory, self.here());
            }};
  }
  void copy(const DLTensor &from, const DLTensor &to) override { table_.moves().copy(from, to, here()); }
  void upload(const void *from, void *to, std::size_t bytes) override {
    if (bytes) driver_->copy(from, to, bytes, here());
  }
  void download(const void *from, void *to, std::size_t bytes) override {
    if (bytes) driver_->copy(from, to, bytes, here());
  }
  void finish() override { driver_->finish(here()); }
  const kvern_device_1 *mover() const override { return table_.table(); }

 private:
  /// The stream, for what the calling thread gives it now.
  void *here() const {
    driver_->use();
    return stream_;
  }
  Temporary upload(HostArrays &arrays) {
    Temporary memory(*driver_, arrays.bytes(), here());
    arrays.upload(memory.data(), *driver_, here());
    return memory;
  }
  /// A recurrence's ranges of tokens are host arrays.
  template <class Call>
  void recur(Call call, void (*kernel)(const Call &, StreamHandle)) {
    HostArrays arrays;
    arrays.add(call.tokens.begin, call.tokens.rows);
    arrays.add(call.tokens.end, call.tokens.rows);
    const Temporary ranges = upload(arrays);
    kernel(call, here());
  }

  std::unique_ptr<Driver> driver_;
  int number_;
  void *stream_;
  DeviceTable table_;
};

}  // namespace

std::unique_ptr<Queue> make_cuda_queue(std::unique_ptr<Driver> driver, int number) {
  return std::make_unique<CudaQueue>(std::move(driver), number);
}

}  // namespace kvern::device
