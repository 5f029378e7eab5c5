#include <kvern/sdk/decorator.hpp>
#include <kvern/sdk/plugin.hpp>

namespace sdk = kvern::sdk;

namespace {
class V1Counted : public sdk::Decorator<V1Counted> {
 public:
  static constexpr const char *name = "v1_counted", *version = "1.0.0",
                              *summary = "counts the steps of another cache";
  using Decorator::Decorator;  // options: inner, inner_config

  void begin(const sdk::Step &step) { Decorator::begin(step), ++steps_; }
  std::unique_ptr<V1Counted> clone() const { return std::unique_ptr<V1Counted>(new V1Counted(*this)); }

 private:
  int64_t steps_ = 0;
};
}  // namespace

KVERN_PLUGIN(V1Counted)
