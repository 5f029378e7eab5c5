// One query of an attention request, recomputed by plain loops over the keys that the cache exports.
#pragma once
#include <kvern/abi/cache_abi.h>

namespace kvern::conformance {

/// What attend was asked, with what it answered, and the keys of its view.
struct AttendedLayer {
  const kvern_attend &request;
  const kvern_view &view;
  const DLTensor &k, &v;  ///< exported; v may be k
  const int64_t *q_pos;   ///< [rows, queries]; nullptr where the request is not causal
};

/// Throws Violation if the output of this row, query head and query is another one than attention over the view. The difference may
/// be that of a kernel which rounds queries and probabilities.
void check_attention(const AttendedLayer &layer, int64_t row, int64_t head, int64_t query);

}  // namespace kvern::conformance
