// A queue before another: every call goes on to it, until a class that is derived overrides it.
#pragma once
#include "devices/queue.hpp"

namespace kvern {

/// Borrows the queue, which is called as this one is: by one thread at a time.
class ForwardingQueue : public Queue {
 public:
  explicit ForwardingQueue(Queue &to) : to_(to) {}

  DLDevice place() const override { return to_.place(); }
  void *stream() const override { return to_.stream(); }
  void matmul(const kernels::MatmulCall &call) override { to_.matmul(call); }
  void batched_matmul(const kernels::BatchedMatmulCall &call) override { to_.batched_matmul(call); }
  void packed_matmul(const kernels::PackedMatmulCall &call) override { to_.packed_matmul(call); }
  void norm(Norm kind, const kernels::NormCall &call) override { to_.norm(kind, call); }
  void activate(const kernels::ActivationCall &call) override { to_.activate(call); }
  void embed(const kernels::EmbeddingCall &call) override { to_.embed(call); }
  void packed_embed(const kernels::PackedEmbeddingCall &call) override { to_.packed_embed(call); }
  void add_scaled(const AddCall &call) override { to_.add_scaled(call); }
  void rotate(const kernels::RotaryCall &call) override { to_.rotate(call); }
  void convert(const kernels::ConvertCall &call) override { to_.convert(call); }
  void attention(const kernels::AttentionCall &call) override { to_.attention(call); }
  void argmax(const ArgmaxCall &call) override { to_.argmax(call); }
  void causal_conv(const kernels::CausalConvCall &call) override { to_.causal_conv(call); }
  void selective_scan(const kernels::SelectiveScanCall &call) override { to_.selective_scan(call); }
  void ssd_scan(const kernels::SsdScanCall &call) override { to_.ssd_scan(call); }
  void delta_rule(const kernels::DeltaRuleCall &call) override { to_.delta_rule(call); }
  void sigmoid_gate(const kernels::SigmoidGateCall &call) override { to_.sigmoid_gate(call); }
  void route(const kernels::RouteCall &call) override { to_.route(call); }
  void experts(const kernels::ExpertsCall &call) override { to_.experts(call); }
  DeviceMemory take(std::size_t bytes) override { return to_.take(bytes); }
  DeviceMemory take_pinned(std::size_t bytes) override { return to_.take_pinned(bytes); }
  void copy(const DLTensor &from, const DLTensor &to) override { to_.copy(from, to); }
  void upload(const void *from, void *to, std::size_t bytes) override { to_.upload(from, to, bytes); }
  void download(const void *from, void *to, std::size_t bytes) override { to_.download(from, to, bytes); }
  void finish() override { to_.finish(); }
  const kvern_device_1 *mover() const override { return to_.mover(); }

 private:
  Queue &to_;
};

}  // namespace kvern
