// Another cache, its memory in pinned host memory: transformers' OffloadedCache around any cache.
#include <kvern/sdk/offload/offloading.hpp>
#include <kvern/sdk/plugin.hpp>

namespace {

namespace sdk = kvern::sdk;

class Offloaded : public sdk::Offloading<Offloaded> {
 public:
  static constexpr const char *name = "offloaded", *version = "1.0.0",
                              *summary =
                                  "keeps another cache in host memory, two layers at a time on the device";

  explicit Offloaded(const sdk::Create &create) : Offloading(create) {}

 private:
  friend class sdk::Offloading<Offloaded>;
  Offloaded(const Offloaded &) = default;
};

}  // namespace

KVERN_PLUGIN(Offloaded)
