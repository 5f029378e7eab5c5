// From the ABI's words to a call of the attention kernel: shapes, strides, number formats. For the core and for caches that
// attend by themselves; free of LibTorch.
#pragma once
#include <kvern/abi/cache_abi.h>

#include <optional>

#include "kernels/attention.hpp"

namespace kvern {

/// The format that kernels compute with; none for others.
std::optional<kernels::Dtype> find_kernel_type(DLDataType type);

/// Where the keys of one piece are and which positions they have.
struct KeySource {
  const DLTensor *k = nullptr, *v = nullptr;  ///< [rows, kv_heads, len, dim]
  const int64_t *first_pos = nullptr, *key_pos = nullptr;
  int64_t row_stride = 0, head_stride = 0;
};

/// The kernel's call for rows row_begin .. row_begin + rows - 1 of the request's q and out, but for keys and their
/// positions; q_pos [all rows * n_new]. The request's own k and v are not looked at. Throws kvern::Error (internal) for a
/// format that kernels do not compute with.
kernels::AttentionCall query_call(const kvern_attend &request, const int64_t *q_pos, int64_t row_begin,
                                  int64_t rows);

/// Completes a call by all of `keys`, whose row 0 serves the call's first row. Throws as query_call.
void take_keys(const KeySource &keys, kernels::AttentionCall &call);

/// Both.
kernels::AttentionCall kernel_call(const kvern_attend &request, const int64_t *q_pos, const KeySource &keys,
                                   int64_t row_begin, int64_t rows);

}  // namespace kvern
