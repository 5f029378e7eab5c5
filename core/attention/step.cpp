// From positions to rotation and masking, and the choice between the cache's attention and the host's.
#include <algorithm>
#include <kvern/finite.hpp>
#include <kvern/sdk/kernel_call.hpp>
#include <kvern/step.hpp>
#include <string>
#include <utility>

#include "core/attention/bias_on_device.hpp"
#include "core/attention/cache_dtype.hpp"
#include "core/attention/heads_tensor.hpp"
#include "core/attention/rotary.hpp"

namespace kvern {
namespace {

std::vector<int64_t> all_positions(const StepRequest &request) {
  std::vector<int64_t> positions;
  positions.reserve(request.row_pos.size() * static_cast<size_t>(request.n_new));
  for (const int64_t first : request.row_pos)
    for (int64_t t = 0; t < request.n_new; ++t) positions.push_back(first + t);
  return positions;
}

SequenceLength length_of(const StepRequest &request) {
  SequenceLength length{0, request.total_length};
  for (size_t r = 0; r < request.row_pos.size(); ++r) {
    const int64_t n = request.row_new.empty() ? request.n_new : request.row_new[r];
    length.positions = std::max(length.positions, request.row_pos[r] + n);
  }
  return length;
}

kvern_step to_abi(const StepRequest &request, void *stream) {
  kvern_step step{};
  step.struct_size = sizeof step;
  if (request.tentative) step.flags |= KVERN_STEP_TENTATIVE;
  if (request.import) step.flags |= KVERN_STEP_IMPORT;
  step.rows = static_cast<int64_t>(request.row_pos.size());
  step.n_new = request.n_new;
  step.row_pos = request.row_pos.data();
  step.row_new = request.row_new.empty() ? nullptr : request.row_new.data();
  step.n_cross = request.n_cross;
  if (!request.row_cross.empty()) {
    step.flags |= KVERN_STEP_ROW_CROSS;
    step.row_cross = request.row_cross.data();
  }
  step.stream = stream;
  return step;
}

DLTensor vector_of(const float *data, DLDevice device, int64_t *shape) {
  return {const_cast<float *>(data), device, 1, to_dlpack(Dtype::f32), shape, nullptr, 0};
}

}  // namespace

struct Step::Impl {
  Cache &cache;
  Queue &queue;
  StepRequest request;
  std::vector<int64_t> positions;
  Rotary rotary;
  CacheDtype k_dtype, v_dtype;
  bool open = false;

  Impl(Cache &c, StepRequest r, Queue &q)
      : cache(c),
        queue(q),
        request(std::move(r)),
        positions(all_positions(request)),
        rotary(queue, positions, request.n_new, length_of(request)),
        k_dtype(queue, cache.dtype()),
        v_dtype(queue, cache.dtype()) {}

  int64_t rows() const { return static_cast<int64_t>(request.row_pos.size()); }

  const LayerSpec &spec_of(int layer) const { return cache.layers().at(static_cast<size_t>(layer)); }

  /// The layer that calls of the cache name.
  int key_layer(int layer) const {
    const int32_t shared = spec_of(layer).shares_layer;
    return shared >= 0 ? shared : layer;
  }

  const int64_t *query_positions(const kvern_view &view) const {
    return view.q_pos ? view.q_pos : positions.data();
  }

  BiasView bias_of(const Bias &bias, const kvern_view &view) const {
    return bias({rows(), request.n_new, view.kv_len, query_positions(view), view.first_pos, view.key_pos,
                 view.row_stride, view.head_stride});
  }

  bool finite(const HeadsView &x) const {
    for (int64_t r = 0; x && r < x.rows; ++r)
      for (int64_t h = 0; h < x.heads; ++h)
        if (!all_finite(queue, x.data + r * x.row_stride + h * x.head_stride, x.tokens, x.dim,
                        x.token_stride))
          return false;
    return true;
  }

  void check_attention(int layer, const HeadsView &q, const HeadsView &k, const HeadsView &v,
                       const HeadsView &out) const {
    if (finite(out) || !finite(q) || !finite(k) || !finite(v)) return;
    const std::string where = "layer " + std::to_string(layer);
    if (cache.dtype() == Dtype::f16)
      throw Error(ErrorKind::model,
                  where +
                      ": keys or values are larger than float16, the dtype of the cache, can "
                      "hold (65504): use a cache dtype of bfloat16 or float32");
    throw Error(ErrorKind::plugin,
                where + ": the attention of the cache '" + std::string(cache.plugin().name) +
                    "' is not finite (NaN or infinity), though its queries, keys and values are");
  }

  /// Lets the cache store k and v and return all keys, and attends to them by the host's kernel.
  void attend_after_update(const kvern_attend &call, const kvern_view &view) {
    DLTensor keys{}, values{};
    cache.update(call.layer, call.k, call.v, &keys, &values);
    const bool in_keys = (spec_of(call.layer).flags & KVERN_VALUES_IN_KEYS) != 0;
    const sdk::KeySource source{&keys,        in_keys ? &keys : &values, view.first_pos,
                                view.key_pos, view.row_stride,           view.head_stride};
    queue.attention(sdk::kernel_call(call, query_positions(view), source, 0, rows()));
  }
};

Step::Step(Cache &cache, StepRequest request, Queue &queue)
    : impl_(std::make_unique<Impl>(cache, std::move(request), queue)) {
  cache.begin(to_abi(impl_->request, queue.stream()));
  impl_->open = true;
}

Step::~Step() {
  if (!impl_->open || !impl_->cache.in_step()) return;
  try {
    impl_->cache.end(0);
  } catch (const Error &) {
    // The exception that is on its way says more; the cache refuses every further verb by itself.
  }
}

const StepRequest &Step::request() const { return impl_->request; }
int64_t Step::rows() const { return impl_->rows(); }
int64_t Step::n_new() const { return impl_->request.n_new; }
const std::vector<int64_t> &Step::positions() const { return impl_->positions; }
Queue &Step::queue() { return impl_->queue; }

void Step::keep(int64_t n) {
  impl_->open = false;
  impl_->cache.end(n);
}

void Step::keep_rows(const std::vector<int64_t> &n) {
  impl_->cache.end_rows(n);
  impl_->open = false;
}

Step::State Step::state(int layer, int slot) {
  State state{};
  impl_->cache.state(layer, slot, &state.read, &state.write);
  return state;
}

void Step::attend(int layer, const HeadsView &q, const HeadsView &k, const HeadsView &v,
                  const AttentionSpec &spec, const HeadsView &out) {
  Impl &s = *impl_;
  layer = s.key_layer(layer);
  const kvern_view view = s.cache.view(layer);
  const Rotary::Tables *tables = spec.rope ? &s.rotary.tables(*spec.rope, view.q_pos) : nullptr;
  const bool raw_q = (view.flags & KVERN_VIEW_RAW_Q) != 0;
  const auto rotate = [&](const HeadsView &x) { s.rotary.apply(*tables, from_element(x, spec.rope_first)); };
  if (tables && k && !(view.flags & KVERN_VIEW_RAW_K)) rotate(k);
  if (tables && !raw_q) rotate(q);
  const auto ck = k ? s.k_dtype(k) : CacheDtype::Converted{nullptr, k};
  const auto cv = v ? s.v_dtype(v) : CacheDtype::Converted{nullptr, v};
  const DLDevice device = s.queue.place();
  TensorDesc dq(q.data, Dtype::f32, device, q), dout(out.data, Dtype::f32, device, out);
  TensorDesc dk(ck.data, s.cache.dtype(), device, ck.view), dv(cv.data, s.cache.dtype(), device, cv.view);
  int64_t heads = q.heads;
  DLTensor sinks = vector_of(spec.sinks, device, &heads);

  kvern_attend call{};
  call.struct_size = sizeof call;
  call.layer = layer;
  call.window = static_cast<int32_t>(spec.window);
  call.causal = spec.causal;
  call.scale = spec.scale;
  call.softcap = spec.softcap;
  call.q = &dq.dl;
  call.k = k ? &dk.dl : nullptr;
  call.v = v ? &dv.dl : nullptr;
  call.sinks = spec.sinks ? &sinks : nullptr;
  call.out = &dout.dl;
  BiasView bias;
  DeviceMemory bias_memory;
  DLTensor dbias{};
  if (spec.bias) {
    bias = on_device(s.bias_of(*spec.bias, view), s.queue, bias_memory);
    dbias = {const_cast<float *>(bias.data), device, 4, to_dlpack(Dtype::f32), bias.shape, bias.strides, 0};
    call.bias = &dbias;
  }
  if (!s.cache.attend(call)) {
    if (tables && raw_q) rotate(q);
    s.attend_after_update(call, view);
  }
  if (s.request.locate_non_finite) s.check_attention(layer, q, k, v, out);
}

void Step::rotate(const Rope &rope, const HeadsView &x) {
  impl_->rotary.apply(impl_->rotary.tables(rope, nullptr), x);
}

bool Step::attends_to_itself(int layer) const {
  const Impl &s = *impl_;
  if (s.cache.offers("attend")) return false;
  const kvern_view view = s.cache.view(s.key_layer(layer));
  return view.kv_len == s.request.n_new && !view.key_pos && !view.q_pos && view.flags == 0;
}

void Step::store(int layer, const HeadsView &k, const HeadsView &v, const Rope *rope) {
  Impl &s = *impl_;
  const kvern_view view = s.cache.view(layer);
  if (rope && !(view.flags & KVERN_VIEW_RAW_K)) s.rotary.apply(s.rotary.tables(*rope, view.q_pos), k);
  const auto ck = s.k_dtype(k);
  const auto cv = v ? s.v_dtype(v) : CacheDtype::Converted{nullptr, v};
  const DLDevice device = s.queue.place();
  TensorDesc dk(ck.data, s.cache.dtype(), device, ck.view), dv(cv.data, s.cache.dtype(), device, cv.view);
  s.cache.update(layer, &dk.dl, v ? &dv.dl : nullptr, nullptr, nullptr);
}

}  // namespace kvern
