// A random attention over packed blocks with all it points to, for tests and benchmarks: codes, scales and zeros are drawn,
// not quantized.
#pragma once
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "kernels/quant/attention.hpp"
#include "kernels/test_support.hpp"

namespace kvern::kernels::quant::testing {

using kernels::testing::Buffer;
using kernels::testing::Random;

/// Blocks of all heads of a run, [heads, blocks], 64 bytes apart from head to head.
struct RunData {
  std::vector<std::byte> bytes;
  BlockRun run;
};

struct PackedCase {
  explicit PackedCase(const BlockFormat &f) : format(f) { call.format = &format; }
  PackedCase(const PackedCase &) = delete;
  PackedCase &operator=(const PackedCase &) = delete;

  BlockFormat format;
  PackedCall call;
  std::vector<std::vector<RunData>> runs;  // of each row
  std::vector<std::vector<BlockRun>> run_lists;
  std::vector<PackedRow> rows;
  Buffer q, bias, sinks, out, lse;
  std::vector<int64_t> q_pos, first_pos, key_pos;
};

/// Draws the codes, scales (around 0.5, up to 4 bits also negative) and zeros of one tensor's part of a block.
inline void draw_part(Random &random, const TensorLayout &layout, int bits, std::byte *block) {
  for (int64_t i = 0; i < layout.units * 8 * bits; ++i) {
    block[layout.codes + i] = static_cast<std::byte>(random.integer(0, 255));
  }
  for (int64_t i = 0; i < layout.groups * layout.group_stride; ++i) {
    const float sign = bits < 8 && random.chance(0.5) ? -1.0f : 1.0f;
    const float scale = random.chance(0.05) ? 0.0f : sign * (0.3f + 0.5f * std::abs(random.normal()));
    store_element(block + layout.scales, Dtype::f16, i, scale);
    store_element(block + layout.zeros, Dtype::f16, i, random.normal(0.3f));
    if (layout.zeros_low >= 0) store_element(block + layout.zeros_low, Dtype::f16, i, random.normal(1e-4f));
  }
}

inline RunData draw_run(Random &random, const BlockFormat &format, int64_t heads, int64_t first_key,
                        int64_t keys) {
  const int64_t blocks = (keys + format.tokens - 1) / format.tokens;
  RunData data;
  data.run = {nullptr, blocks * format.bytes + 64, first_key, keys};
  data.bytes.resize(static_cast<size_t>(heads * data.run.head_stride));
  for (int64_t head = 0; head < heads; ++head) {
    for (int64_t i = 0; i < blocks; ++i) {
      std::byte *block = data.bytes.data() + head * data.run.head_stride + i * format.bytes;
      draw_part(random, format.key_layout, format.key.bits, block);
      if (!format.values_in_keys) draw_part(random, format.value_layout, format.value.bits, block);
    }
  }
  data.run.data = data.bytes.data();
  return data;
}

/// Once all runs are there.
inline void point_to_runs(PackedCase &c) {
  for (const std::vector<RunData> &runs : c.runs) {
    std::vector<BlockRun> &list = c.run_lists.emplace_back();
    for (const RunData &data : runs) list.push_back(data.run);
  }
  for (const std::vector<BlockRun> &list : c.run_lists)
    c.rows.push_back({list.data(), static_cast<int64_t>(list.size())});
  c.call.rows = c.rows.data();
}

/// q, out, lse, contiguous, and one position for each new token: the last ones.
inline void make_queries(Random &random, PackedCase &c) {
  AttentionCall &call = c.call.dense;
  const int64_t queries = call.rows * call.q_heads * call.n_new;
  c.q = random.elements(call.q_type, queries * call.dim_k);
  c.out = random.elements(call.out_type, queries * call.dim_v);
  c.lse = random.elements(Dtype::f32, queries);
  call.q = c.q.data(), call.out = c.out.data(), call.lse = c.lse.floats();
  call.q_stride = {call.q_heads * call.n_new * call.dim_k, call.n_new * call.dim_k, call.dim_k};
  call.out_stride = {call.q_heads * call.n_new * call.dim_v, call.n_new * call.dim_v, call.dim_v};
  for (int64_t row = 0; row < call.rows; ++row) {
    for (int64_t i = 0; i < call.n_new; ++i) c.q_pos.push_back(call.kv_len - call.n_new + i);
  }
  call.q_pos = c.q_pos.data();
  call.scale = 1.0f / std::sqrt(static_cast<float>(call.dim_k));
}

inline std::string describe(const TensorFormat &f) {
  return std::to_string(f.bits) + " bits per " + (f.axis == Axis::token ? "token" : "channel") + ", group " +
         std::to_string(f.group) + ", dim " + std::to_string(f.dim) + (f.rotate ? ", rotated" : "");
}

inline std::string describe(const PackedCase &c) {
  const AttentionCall &call = c.call.dense;
  std::string text = "keys " + describe(c.format.key) + "; values " +
                     (c.format.values_in_keys ? "in them, " : "") + describe(c.format.value) + ";";
  auto add = [&text](const char *name, int64_t value) {
    text += ' ';
    text += name;
    text += '=';
    text += std::to_string(value);
  };
  add("rows", call.rows), add("q_heads", call.q_heads), add("kv_heads", call.kv_heads);
  add("n_new", call.n_new), add("kv_len", call.kv_len), add("causal", call.causal);
  add("window", call.window), add("keep_first", call.keep_first), add("key_pos", call.key_pos != nullptr);
  add("bias", call.bias != nullptr), add("sinks", call.sinks != nullptr), add("merge", call.merge);
  add("softcap", call.softcap != 0), add("compute_dtype", static_cast<int64_t>(c.call.compute_dtype));
  text += std::string(" q ") + name_of(call.q_type) + " out " + name_of(call.out_type) + " runs";
  for (const BlockRun &run : c.run_lists[0]) add("first", run.first_key), add("keys", run.keys);
  return text;
}

}  // namespace kvern::kernels::quant::testing
