#include "plugins/evicting/observe.hpp"

#include <algorithm>
#include <kvern/sdk/stream_scope.hpp>
#include <kvern/sdk/tensor.hpp>
#include <limits>

#include "plugins/evicting/policy.hpp"

namespace kvern::evicting {
namespace {

constexpr DLDataType kSingle{kDLFloat, 32, 1};

/// Columns [begin, begin + n) of a row of lse [rows, heads, columns].
class LseSlice {
 public:
  LseSlice(const DLTensor &lse, int64_t row, int64_t begin, int64_t n)
      : placed_(sdk::data_of(lse) + (row * sdk::stride_of(lse, 0) + begin) * 4, lse.device, kSingle,
                {lse.shape[1], n}, {sdk::stride_of(lse, 1), 1}) {}
  const sdk::Placed &placed() const { return placed_; }
  sdk::Placed &placed() { return placed_; }

 private:
  sdk::Placed placed_;
};

void copy(const sdk::Mover &mover, const DLTensor &from, DLTensor *to) {
  if (mover.on_device()) return mover.copy(from, to);
  for (int64_t head = 0; head < from.shape[0]; ++head)
    std::copy_n(static_cast<const float *>(from.data) + head * from.strides[0], from.shape[1],
                static_cast<float *>(to->data) + head * to->strides[0]);
}

}  // namespace

void StepMass::start(const sdk::Mover &mover, int64_t planes, int64_t rows, int64_t heads, int64_t slots) {
  rows_ = rows, heads_ = heads, slots_ = slots;
  mass_.assign(static_cast<std::size_t>(sdk::product(planes, rows, heads, slots)), 0.0f);
  if (!device_) return;
  sdk::Placed all(device_.fill({0, 0, planes}), place_, kSingle, {size()}, {1});
  mover.zero(all.out());
}

void StepMass::finish(const sdk::Mover &mover) {
  if (!device_ || !is_known()) return;
  const sdk::Placed from(const_cast<std::byte *>(device_.read()), place_, kSingle, {size()}, {1});
  sdk::Placed to(mass_.data(), {kDLCPU, 0}, kSingle, {size()}, {1});
  mover.copy(from.tensor(), to.out());
}

Observer::Observer(const kvern_attention_1 &attention, const sdk::Create &create, const Settings &settings)
    : attention_(attention), host_(create.host), mover_(create.host), settings_(settings) {
  for (const sdk::Layer &layer : create.layers) q_heads_ = std::max<int64_t>(q_heads_, layer.q_heads);
}

void Observer::begin(const sdk::Step &step) {
  if (step.n_new > 0) sums_ = sdk::Scratch(host_, -1, kSingle, {q_heads_, step.n_new});
}

/// Columns whose query is no token of the text: it sees nothing.
void Observer::clear_columns(const RowRequest &request, int64_t begin, int64_t end) const {
  if (end <= begin) return;
  const DLTensor &out = *request.call.out;
  const sdk::TensorSlice columns(out, {request.row, 1}, {begin, end - begin});
  DLTensor cleared = columns.tensor();
  if (mover_.on_device()) {
    mover_.zero(&cleared);
  } else {
    const sdk::Block block = sdk::block_of(cleared);
    for (int64_t head = 0; head < out.shape[1]; ++head)
      for (int64_t i = 0; i < end - begin; ++i)
        std::fill_n(reinterpret_cast<float *>(block.data + head * block.head_stride + i * block.slot_stride),
                    out.shape[3], 0.0f);
  }
  if (!request.call.lse) return;
  const int64_t heads = out.shape[1], n = end - begin;
  std::vector<float> nothing(static_cast<std::size_t>(heads * n), -std::numeric_limits<float>::infinity());
  const sdk::Placed from(nothing.data(), {kDLCPU, 0}, kSingle, {heads, n}, {n, 1});
  LseSlice to(*request.call.lse, request.row, begin, n);
  copy(mover_, from.tensor(), to.placed().out());
}

/// lse [heads, n] of some columns.
void Observer::copy_lse(const DLTensor &from, const RowRequest &request, int64_t begin) const {
  if (!request.call.lse) return;
  LseSlice to(*request.call.lse, request.row, begin, from.shape[1]);
  copy(mover_, from, to.placed().out());
}

void Observer::attend(const RowRequest &request, bool tentative, StepMass &mass) const {
  clear_columns(request, 0, request.begin);
  clear_columns(request, request.end, request.call.q->shape[2]);
  const auto of = [&](int64_t plane) { return mass.is_known() ? mass.target(plane, request.row) : nullptr; };
  if (tentative && mass.is_known()) {
    for (int64_t i = request.begin; i < request.end; ++i) attend_columns(request, i, i + 1, of(i));
    return;
  }
  const int64_t observed = mass.is_known() ? observed_queries(settings_, request.end - request.begin) : 0;
  attend_columns(request, request.begin, request.end - observed, nullptr);
  attend_columns(request, request.end - observed, request.end, of(0));
}

void Observer::attend_columns(const RowRequest &request, int64_t begin, int64_t end, float *mass) const {
  if (end <= begin) return;
  const sdk::TensorSlice::Range row{request.row, 1}, columns{begin, end - begin}, slots{0, request.slots};
  const sdk::TensorSlice q(*request.call.q, row, columns), out(*request.call.out, row, columns),
      k(request.k, row, slots), v(request.v, row, slots);
  DLTensor out_tensor = out.tensor();
  const int64_t heads = request.call.q->shape[1], n = end - begin;
  std::byte *sums = sums_.fill({0, 0, heads});
  sdk::Placed lse(sums, host_.device(), kSingle, {1, heads, n}, {heads * n, n, 1});
  std::vector<int64_t> q_pos;
  for (int64_t i = begin; i < end; ++i) q_pos.push_back(request.first_position + i);
  kvern_attend call = request.call;
  call.q = &q.tensor();
  call.out = &out_tensor;
  call.lse = lse.out();
  const kvern_piece_1 piece{&k.tensor(), &v.tensor(), nullptr, request.key_pos, 0, request.head_stride, 0, 1};
  void *stream = sdk::StreamScope::current();
  kvern_error error = sdk::empty_error();
  if (!mass) {
    sdk::require(attention_.run(attention_.ctx, &call, q_pos.data(), &piece, 1, 0, stream, &error), error);
  } else {
    const int64_t key_heads = request.k.shape[1];
    sdk::Placed to(mass, host_.device(), kSingle, {1, key_heads, request.slots},
                   {key_heads * request.slots, request.slots, 1});
    sdk::require(
        attention_.run_with_mass(attention_.ctx, &call, q_pos.data(), &piece, to.out(), stream, &error),
        error);
  }
  const sdk::Placed computed(sums, host_.device(), kSingle, {heads, n}, {n, 1});
  copy_lse(computed.tensor(), request, begin);
}

}  // namespace kvern::evicting
