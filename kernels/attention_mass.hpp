// Attention that also reports how much each key was looked at.
#pragma once
#include "kernels/attention.hpp"

namespace kvern::kernels {

/// Where the mass of keys is added, f32 [rows, kv_heads, kv_len]; the last stride is 1.
struct AttentionMass {
  float *data = nullptr;
  int64_t row_stride = 0, head_stride = 0;
};

/// As attention, and adds to each key its attention mass: its weights in the softmax (sinks take part), summed over all queries of
/// its head. Takes no merge. Keys are not split over threads, so that decoding one row with few heads uses as many threads as
/// there are key heads; scratch grows with kv_len. The sums do not depend on the number of threads.
void attention_with_mass(const AttentionCall &call, const AttentionMass &mass, const Parallel &parallel);

/// Reference implementation in double precision; tests compare `attention_with_mass` with it.
void attention_with_mass_reference(const AttentionCall &call, const AttentionMass &mass);

}  // namespace kvern::kernels
