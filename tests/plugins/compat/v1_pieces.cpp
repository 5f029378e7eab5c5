// Proves attend through kvern.attention/1: the older and the newer half of the keys, two calls merged by their log-sum-exp.
#include <kvern/abi/attention.h>
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/slot_cache.hpp>

namespace {
using namespace kvern::sdk;

class V1Pieces : public SlotCache<DenseLayer> {
 public:
  static constexpr const char *name = "v1_pieces", *version = "0",
                              *summary = "attends to its keys in two pieces";

  explicit V1Pieces(const Create &create)
      : SlotCache(create, {}),
        attention_(create.host.required_extension<kvern_attention_1>(KVERN_ATTENTION_1)) {}

  void attend(const kvern_attend &request) {
    if (request.bias || request.softcap != 0 || request.sinks) fail(KVERN_UNSUPPORTED, "plain scores only");
    DLTensor k, v;
    update(request.layer, request.k, request.v, &k, &v);
    kvern_view view{};
    SlotCache::view(request.layer, view);
    const int64_t size = slots().size(), half = size / 2, rows = step().rows, n = step().n_new;
    std::vector<int64_t> q_pos, key_pos;
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t i = 0; i < n; ++i) q_pos.push_back(step().row_pos[row] + i);
      for (int64_t slot = 0; slot < size; ++slot) key_pos.push_back(slots().position(row, slot));
    }
    std::vector<float> sums(static_cast<std::size_t>(rows * request.q->shape[1] * n));
    int64_t sums_shape[3] = {rows, request.q->shape[1], n};
    DLTensor own_lse{sums.data(), {kDLCPU, 0}, 3, {kDLFloat, 32, 1}, sums_shape, nullptr, 0};
    kvern_attend call = request;
    if (!call.lse) call.lse = &own_lse;
    for (const auto &[begin, end, merge] : {std::tuple{int64_t{0}, half, 0}, std::tuple{half, size, 1}}) {
      const TensorSlice k_part(k, {0, rows}, {begin, end - begin}),
          v_part(v, {0, rows}, {begin, end - begin});
      const kvern_piece_1 piece{
          &k_part.tensor(), &v_part.tensor(), nullptr, key_pos.data() + begin, size, 0, 0, rows};
      kvern_error error = empty_error();
      require(attention_.run(attention_.ctx, &call, q_pos.data(), &piece, 1, merge, nullptr, &error), error);
    }
  }

  std::unique_ptr<V1Pieces> clone() const { return std::unique_ptr<V1Pieces>(new V1Pieces(*this)); }

 private:
  V1Pieces(const V1Pieces &) = default;

  const kvern_attention_1 &attention_;
};
}  // namespace
KVERN_PLUGIN(V1Pieces)
