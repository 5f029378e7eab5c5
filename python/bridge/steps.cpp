#include "python/bridge/steps.hpp"

#include <kvern/sdk/kernel_call.hpp>
#include <kvern/sdk/tensor.hpp>

#include "devices/cpu/threads.hpp"
#include "kernels/attention.hpp"

namespace kvern::python {
namespace {

DLTensor tensor(const int64_t *t, DLDataType type) {
  return {reinterpret_cast<void *>(t[0]),
          {kDLCPU, 0},
          4,
          type,
          const_cast<int64_t *>(t + 1),
          const_cast<int64_t *>(t + 5),
          0};
}

void describe(const DLTensor &t, int64_t *out) {
  out[0] = reinterpret_cast<int64_t>(sdk::data_of(t));
  for (int i = 0; i < 4; ++i) {
    out[1 + i] = t.shape[i];
    out[5 + i] = sdk::stride_of(t, i);
  }
}

constexpr DLDataType kFloat32{kDLFloat, 32, 1};

/// The tensors of a request, which it points to.
struct AttendTensors {
  DLTensor q, k{}, v{}, out, bias{}, sinks{};
  int64_t heads;

  AttendTensors(const kvb_attention &request, DLDataType keys)
      : q(tensor(request.q, kFloat32)), out(tensor(request.out, kFloat32)), heads(q.shape[1]) {
    if (request.k) k = tensor(request.k, keys), v = tensor(request.v, keys);
    if (request.bias) bias = tensor(request.bias, kFloat32);
    sinks = {const_cast<float *>(request.sinks), {kDLCPU, 0}, 1, kFloat32, &heads, nullptr, 0};
  }
};

kvern_attend to_abi(const kvb_attention &request, int layer, AttendTensors &tensors) {
  kvern_attend call{};
  call.struct_size = sizeof call;
  call.layer = layer;
  call.window = request.window;
  call.causal = request.bias == nullptr;
  call.scale = request.scale;
  call.softcap = request.softcap;
  call.q = &tensors.q;
  call.k = request.k ? &tensors.k : nullptr;
  call.v = request.k ? &tensors.v : nullptr;
  call.bias = request.bias ? &tensors.bias : nullptr;
  call.sinks = request.sinks ? &tensors.sinks : nullptr;
  call.out = &tensors.out;
  return call;
}

void check_bias(const kvb_attention &request, const kvern_view &view) {
  if (!request.bias || request.bias[4] == view.kv_len) return;
  throw CacheError(KVERN_UNSUPPORTED,
                   "the attention mask has " + std::to_string(request.bias[4]) +
                       " columns, but the cache holds " + std::to_string(view.kv_len) +
                       " keys: a mask of four dimensions needs a cache that keeps every key");
}

}  // namespace

void begin(kvb_cache &c, int64_t rows, int64_t n_new, const int64_t *row_pos, uint32_t flags) {
  c.row_pos.assign(row_pos, row_pos + rows);
  c.positions.clear();
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < n_new; ++i) c.positions.push_back(row_pos[r] + i);
  c.step = {};
  c.step.struct_size = sizeof c.step;
  c.step.flags = flags;
  c.step.rows = rows;
  c.step.n_new = n_new;
  c.step.row_pos = c.row_pos.data();
  c.cache.begin(c.step);
}

kvern_view checked_view(kvb_cache &c, int layer) {
  const kvern_view view = c.cache.view(layer);
  if ((view.flags & (KVERN_VIEW_RAW_K | KVERN_VIEW_RAW_Q)) == 0 && !view.q_pos) return view;
  throw CacheError(KVERN_UNSUPPORTED,
                   "the cache '" + std::string(c.cache.plugin().name) +
                       "' wants keys before rotation, or positions of its own, but transformers rotates "
                       "keys before a cache sees them: use another cache, or the command line");
}

namespace {

/// Whether the keys of a row that queries may see are at first, first + 1 ..., in every head.
bool consecutive(const kvern_view &view, int64_t row, int64_t heads, int64_t first) {
  for (int64_t h = 0; h < (view.head_stride ? heads : 1); ++h)
    for (int64_t j = 0; j < view.kv_len; ++j) {
      const int64_t at = view.key_pos[row * view.row_stride + h * view.head_stride + j];
      if (at != first + j && (at >= 0 || first + j >= 0)) return false;
    }
  return true;
}

}  // namespace

Columns columns(kvb_cache &c, int layer) {
  const kvern_view view = checked_view(c, layer);
  const int64_t heads = c.cache.layers()[static_cast<size_t>(layer)].kv_heads;
  const auto before_of = [&](int64_t r) {
    return view.key_pos || !view.first_pos ? view.kv_len - c.step.n_new
                                           : c.row_pos[static_cast<size_t>(r)] - view.first_pos[r];
  };
  const Columns found{view.kv_len, before_of(0)};
  for (int64_t r = 0; r < c.step.rows; ++r) {
    const int64_t first = c.row_pos[static_cast<size_t>(r)] - found.before;
    if (before_of(r) == found.before && (!view.key_pos || consecutive(view, r, heads, first))) continue;
    throw CacheError(KVERN_UNSUPPORTED,
                     "the cache '" + std::string(c.cache.plugin().name) +
                         "' keeps other keys in each head or row, which no mask of transformers can express: "
                         "call kvern.use_attention(model) (transformers 5)");
  }
  return found;
}

void update(kvb_cache &c, int layer, const int64_t *k, const int64_t *v, int64_t *out_k, int64_t *out_v) {
  const DLDataType type = to_dlpack(c.cache.dtype());
  const DLTensor keys = k ? tensor(k, type) : DLTensor{}, values = v ? tensor(v, type) : DLTensor{};
  DLTensor all_keys{}, all_values{};
  if (k && out_k) columns(c, layer);
  c.cache.update(layer, k ? &keys : nullptr, v ? &values : nullptr, out_k ? &all_keys : nullptr,
                 out_k ? &all_values : nullptr);
  if (!out_k) return;
  describe(all_keys, out_k);
  describe(all_values, out_v);
}

void attend(kvb_cache &c, int layer, kvb_attention &request) {
  const kvern_view view = checked_view(c, layer);
  check_bias(request, view);
  AttendTensors tensors(request, to_dlpack(c.cache.dtype()));
  const kvern_attend call = to_abi(request, layer, tensors);
  request.by_cache = c.cache.attend(call);
  if (request.by_cache) return;
  DLTensor keys{}, values{};
  c.cache.update(layer, call.k, call.v, &keys, &values);
  const sdk::KeySource source{&keys,        &values,         view.first_pos,
                              view.key_pos, view.row_stride, view.head_stride};
  kernels::attention(sdk::kernel_call(call, c.positions.data(), source, 0, c.step.rows), parallel());
}

}  // namespace kvern::python
