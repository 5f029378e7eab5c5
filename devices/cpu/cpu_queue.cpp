#include "devices/cpu/cpu_queue.hpp"

#include <cstring>
#include <memory>
#include <new>

#include "devices/cpu/copy_tensor.hpp"
#include "devices/cpu/huge_page_allocator.hpp"
#include "devices/cpu/threads.hpp"

namespace kvern {
namespace {

// From a megabyte on, memory is mapped in huge pages of its own and unmapped when freed: in the heap it would
// be fragmented by longer-lived blocks, and the heap would grow with a long prompt.
constexpr std::size_t kHugeBytes = std::size_t{1} << 20;
constexpr std::align_val_t kHeapAlignment{64};

void release_huge(void *allocator, void *data, std::size_t bytes) {
  static_cast<HugePageAllocator *>(allocator)->give_back(data, bytes);
  delete static_cast<HugePageAllocator *>(allocator);
}

void release_heap(void *, void *data, std::size_t) { ::operator delete(data, kHeapAlignment); }

class CpuQueue final : public Queue {
 public:
  DLDevice place() const override { return {kDLCPU, 0}; }
  void *stream() const override { return nullptr; }

  void matmul(const kernels::MatmulCall &call) override { kernels::matmul(call, parallel()); }
  void batched_matmul(const kernels::BatchedMatmulCall &call) override {
    kernels::batched_matmul(call, parallel());
  }
  void packed_matmul(const kernels::PackedMatmulCall &call) override {
    kernels::packed_matmul(call, parallel());
  }
  void norm(Norm kind, const kernels::NormCall &call) override {
    kind == Norm::rms ? kernels::rms_norm(call, parallel()) : kernels::layer_norm(call, parallel());
  }
  void activate(const kernels::ActivationCall &call) override { kernels::activate(call, parallel()); }
  void embed(const kernels::EmbeddingCall &call) override { kernels::embed(call, parallel()); }
  void packed_embed(const kernels::PackedEmbeddingCall &call) override {
    kernels::packed_embed(call, parallel());
  }
  void add_scaled(const AddCall &c) override {
    kernels::add_scaled(c.out, c.out_stride, c.x, c.x_stride, c.scale, c.rows, c.dim, parallel());
  }
  void rotate(const kernels::RotaryCall &call) override { kernels::rotate(call, parallel()); }
  void convert(const kernels::ConvertCall &call) override { kernels::convert(call, parallel()); }
  void attention(const kernels::AttentionCall &call) override { kernels::attention(call, parallel()); }
  void argmax(const ArgmaxCall &call) override {
    for (int64_t r = 0; r < call.rows; ++r) call.ids[r] = kernels::argmax(call.x + r * call.x_stride, call.n);
  }
  void route(const kernels::RouteCall &call) override { kernels::route(call, parallel()); }
  void experts(const kernels::ExpertsCall &call) override { kernels::experts(call, parallel()); }

  void causal_conv(const kernels::CausalConvCall &call) override { kernels::causal_conv(call, parallel()); }
  void selective_scan(const kernels::SelectiveScanCall &call) override {
    kernels::selective_scan(call, parallel());
  }
  void ssd_scan(const kernels::SsdScanCall &call) override { kernels::ssd_scan(call, parallel()); }
  void delta_rule(const kernels::DeltaRuleCall &call) override { kernels::delta_rule(call, parallel()); }
  void sigmoid_gate(const kernels::SigmoidGateCall &call) override {
    kernels::sigmoid_gate(call, parallel());
  }

  DeviceMemory take(std::size_t bytes) override {
    if (bytes < kHugeBytes) return {::operator new(bytes, kHeapAlignment), bytes, nullptr, release_heap};
    auto allocator = std::make_unique<HugePageAllocator>();
    void *data = allocator->take(bytes);
    if (!data) throw std::bad_alloc();
    return {data, bytes, allocator.release(), release_huge};
  }
  void copy(const DLTensor &from, const DLTensor &to) override { copy_tensor(from, to); }
  void upload(const void *from, void *to, std::size_t bytes) override { std::memcpy(to, from, bytes); }
  void download(const void *from, void *to, std::size_t bytes) override { std::memcpy(to, from, bytes); }
  void finish() override {}
};

}  // namespace

Queue &cpu_queue() {
  static auto &queue = *new CpuQueue;
  return queue;
}

}  // namespace kvern
