// The kernels of a card by what they compute, in the order of a stream: the calls of kernels/ with pointers into device memory,
// host arrays too where nothing else is said. They are launched and not waited for. Throws std::invalid_argument for a call that
// no kernel serves.
#pragma once
#include "devices/queue.hpp"

namespace kvern::device {

using StreamHandle = void *;  ///< of the driver; NULL in tests of kernels: done at once

void matmul(const kernels::BatchedMatmulCall &call, StreamHandle stream);
void norm(Norm kind, const kernels::NormCall &call, StreamHandle stream);
void activate(const kernels::ActivationCall &call, StreamHandle stream);
void embed(const kernels::EmbeddingCall &call, StreamHandle stream);
void add_scaled(const AddCall &call, StreamHandle stream);
void rotate(const kernels::RotaryCall &call, StreamHandle stream);
void convert(const kernels::ConvertCall &call, StreamHandle stream);
void argmax(const ArgmaxCall &call, StreamHandle stream);
void sigmoid_gate(const kernels::SigmoidGateCall &call, StreamHandle stream);
void causal_conv(const kernels::CausalConvCall &call, StreamHandle stream);
void selective_scan(const kernels::SelectiveScanCall &call, StreamHandle stream);
void ssd_scan(const kernels::SsdScanCall &call, StreamHandle stream);
void delta_rule(const kernels::DeltaRuleCall &call, StreamHandle stream);
void route(const kernels::RouteCall &call, StreamHandle stream);

/// `workspace`: expert_elements(call) floats. Experts are not packed.
void experts(const kernels::ExpertsCall &call, float *workspace, StreamHandle stream);
int64_t expert_elements(const kernels::ExpertsCall &call);

/// Keys are shared among `splits` blocks a query; `workspace` has attention_elements(call, splits) floats.
void attention(const kernels::AttentionCall &call, int splits, float *workspace, StreamHandle stream);
int64_t attention_elements(const kernels::AttentionCall &call, int splits);
/// How many splits keep a card with so many multiprocessors busy.
int attention_splits(const kernels::AttentionCall &call, int multiprocessors);

/// A strided copy with conversion between float types; at most six axes, all of one extent.
struct StridedCopy {
  static constexpr int kMaxAxes = 6;
  const void *from = nullptr;
  void *to = nullptr;
  int axes = 0, element = 0;  ///< bytes of an element, of both where no types are converted
  int64_t shape[kMaxAxes] = {}, from_stride[kMaxAxes] = {}, to_stride[kMaxAxes] = {};
  bool converts = false;
  kernels::Dtype from_type = kernels::Dtype::f32, to_type = kernels::Dtype::f32;
  /// Nullable: index [shape[index_axis]] in device memory; element i of that axis is read at index[i].
  const int64_t *index = nullptr;
  int index_axis = 0;
};
/// Without `from`: zeros are written.
void copy_strided(const StridedCopy &call, StreamHandle stream);

}  // namespace kvern::device
