// A decorator: another cache, named by the option `inner`, whose steps are counted and logged when it is destroyed.
#include <kvern/sdk/decorator.hpp>
#include <kvern/sdk/plugin.hpp>

namespace {

namespace sdk = kvern::sdk;

class Counted : public sdk::Decorator<Counted> {
 public:
  static constexpr const char *name = "counted", *version = "1.0.0",
                              *summary = "counts the steps of another cache";

  explicit Counted(const sdk::Create &create) : Decorator(create), host_(create.host) {}
  ~Counted() { host_.log(KVERN_LOG_INFO, "counted: " + std::to_string(steps_) + " steps"); }

  void begin(const sdk::Step &step) { Decorator::begin(step), ++steps_; }
  std::unique_ptr<Counted> clone() const { return std::unique_ptr<Counted>(new Counted(*this)); }

 private:
  Counted(const Counted &) = default;

  sdk::Host host_;
  int64_t steps_ = 0;
};

}  // namespace

KVERN_PLUGIN(Counted)
