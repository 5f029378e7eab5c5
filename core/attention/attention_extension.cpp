#include "core/attention/attention_extension.hpp"

#include <cstdio>
#include <exception>
#include <kvern/sdk/kernel_call.hpp>
#include <map>
#include <mutex>
#include <vector>

#include "devices/cpu/threads.hpp"
#include "kernels/attention_mass.hpp"

namespace kvern {
namespace {

kvern_status refuse(kvern_error *error, kvern_status code, const char *message) {
  error->code = code;
  std::snprintf(error->message, sizeof error->message, "%s", message);
  return code;
}

/// The kernel's call for n rows of a piece, from row `begin` on.
kernels::AttentionCall call_of_rows(const kvern_attend &call, const int64_t *q_pos,
                                    const kvern_piece_1 &piece, int64_t begin, int64_t n) {
  const sdk::KeySource keys{piece.k,       piece.v,          piece.first_pos,
                            piece.key_pos, piece.row_stride, piece.head_stride};
  auto c = sdk::kernel_call(call, q_pos, keys, piece.row_begin + begin, n);
  c.k = static_cast<const char *>(c.k) + begin * c.k_stride.row * kernels::size_of(c.kv_type);
  c.v = static_cast<const char *>(c.v) + begin * c.v_stride.row * kernels::size_of(c.kv_type);
  if (c.first_pos) c.first_pos += begin;
  if (c.key_pos) c.key_pos += begin * c.key_pos_row_stride;
  return c;
}

/// Rows [begin, begin + n) of a piece, all of which have a result already (join) or none of which has.
void run_rows(Queue &queue, const kvern_attend &call, const int64_t *q_pos, const kvern_piece_1 &piece,
              int64_t begin, int64_t n, bool join, bool first_of_all) {
  auto c = call_of_rows(call, q_pos, piece, begin, n);
  c.merge = join;
  if (join && !first_of_all) c.sinks = nullptr;  // sinks count once
  queue.attention(c);
}

void run_pieces(Queue &queue, const kvern_attend &call, const int64_t *q_pos, const kvern_piece_1 *pieces,
                int64_t n_pieces, bool merge) {
  // The first piece of a row starts its result, the others join it.
  std::vector<char> seen(static_cast<size_t>(call.q->shape[0]), 0);
  for (int64_t i = 0; i < n_pieces; ++i) {
    const auto &piece = pieces[i];
    char *of_piece = seen.data() + piece.row_begin;
    for (int64_t r = 0, n = 0; r < piece.rows; r += n) {
      for (n = 1; r + n < piece.rows && of_piece[r + n] == of_piece[r];) ++n;
      run_rows(queue, call, q_pos, piece, r, n, merge || of_piece[r], !of_piece[r]);
    }
    for (int64_t r = 0; r < piece.rows; ++r) of_piece[r] = 1;
  }
}

kvern_status run(void *ctx, const kvern_attend *call, const int64_t *q_pos, const kvern_piece_1 *pieces,
                 int64_t n_pieces, int32_t merge, void *, kvern_error *error) {
  if (call->bias && n_pieces > 1)
    return refuse(error, KVERN_UNSUPPORTED, "attention over several pieces takes no bias");
  if (!call->lse) return refuse(error, KVERN_INVALID_ARGUMENT, "attention over pieces needs lse");
  if (n_pieces <= 0) return refuse(error, KVERN_INVALID_ARGUMENT, "attention over no piece at all");
  try {
    run_pieces(*static_cast<Queue *>(ctx), *call, q_pos, pieces, n_pieces, merge != 0);
    return KVERN_OK;
  } catch (const std::bad_alloc &) {
    return refuse(error, KVERN_OUT_OF_MEMORY, "attention: no memory is left");
  } catch (const std::exception &e) {
    const bool cpu = static_cast<Queue *>(ctx)->place().device_type == kDLCPU;
    return refuse(error, cpu ? KVERN_INTERNAL : KVERN_DEVICE_ERROR, e.what());
  }
}

kvern_status run_with_mass(void *, const kvern_attend *call, const int64_t *q_pos, const kvern_piece_1 *piece,
                           DLTensor *mass, void *, kvern_error *error) {
  try {
    auto *data = reinterpret_cast<float *>(static_cast<char *>(mass->data) + mass->byte_offset);
    const kernels::AttentionMass to{data, mass->strides ? mass->strides[0] : mass->shape[1] * mass->shape[2],
                                    mass->strides ? mass->strides[1] : mass->shape[2]};
    kernels::attention_with_mass(call_of_rows(*call, q_pos, *piece, 0, piece->rows), to, parallel());
    return KVERN_OK;
  } catch (const std::exception &e) {
    return refuse(error, KVERN_INTERNAL, e.what());
  }
}

}  // namespace

const kvern_attention_1 *attention_extension(Queue &queue) {
  static std::mutex &mutex = *new std::mutex;
  static auto &tables = *new std::map<Queue *, kvern_attention_1>;
  const bool cpu = queue.place().device_type == kDLCPU;
  const std::lock_guard lock(mutex);
  const kvern_attention_1 table{sizeof(kvern_attention_1), 0, &queue, &run, cpu ? &run_with_mass : nullptr};
  return &tables.try_emplace(&queue, table).first->second;
}

}  // namespace kvern
