// A cache that attends by itself, with the installed kernels: `dynamic` without the host's attention.
#include <kvern/sdk/kernel_call.hpp>
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/slot_cache.hpp>
#include <vector>

namespace {

namespace kernels = kvern::kernels;
namespace sdk = kvern::sdk;

class Dotted : public sdk::SlotCache<sdk::DenseLayer> {
 public:
  static constexpr const char *name = "dotted", *version = "1.0.0", *summary = "attends by itself";

  explicit Dotted(const sdk::Create &create) : SlotCache(create, {}) {}
  std::unique_ptr<Dotted> clone() const { return std::unique_ptr<Dotted>(new Dotted(*this)); }

  void begin(const sdk::Step &step) {
    SlotCache::begin(step);
    rows_ = step.rows;
    q_pos_.clear();
    for (int64_t row = 0; row < step.rows; ++row)
      for (int64_t i = 0; i < step.n_new; ++i) q_pos_.push_back(step.row_pos[row] + i);
  }

  void attend(const kvern_attend &request) {
    DLTensor k{}, v{};
    update(request.layer, request.k, request.v, &k, &v);
    kvern_view seen{};
    view(request.layer, seen);
    const sdk::KeySource keys{&k, &v, seen.first_pos, seen.key_pos, seen.row_stride, seen.head_stride};
    kernels::attention(sdk::kernel_call(request, q_pos_.data(), keys, 0, rows_), kernels::serial());
  }

 private:
  Dotted(const Dotted &) = default;
  int64_t rows_ = 0;
  std::vector<int64_t> q_pos_;
};

}  // namespace

KVERN_PLUGIN(Dotted)
