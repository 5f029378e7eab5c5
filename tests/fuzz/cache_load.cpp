// Streams that claim to be a saved cache, given to `load` of dynamic. Whatever comes: a status, bounded memory, and a cache
// that works afterwards. It does not look at numbers.
#include <algorithm>
#include <cstring>

#include "tests/conformance/rig.hpp"

using namespace kvern::conformance;

extern "C" const kvern_plugin *kvern_plugin_entry(const kvern_host *);

namespace {

struct Source {
  const uint8_t *data;
  std::size_t size;
};

int64_t read_some(void *ctx, void *to, uint64_t size) {
  auto &source = *static_cast<Source *>(ctx);
  const std::size_t part = std::min<std::size_t>(source.size, size);
  std::memcpy(to, source.data, part);
  source.data += part;
  source.size -= part;
  return static_cast<int64_t>(part);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  TestHost host;
  host.set_budget(int64_t{64} << 20);
  Subject subject;
  subject.plugin = kvern_plugin_entry(host.table());
  subject.layers = {attention_layer(), attention_layer()};
  Rig rig(subject, host, 1);
  Source source{data, size};
  const kvern_stream_io stream{sizeof(kvern_stream_io), 0, &source, read_some};
  const kvern_status status = rig.ops().load(rig.cache, &stream, &rig.error);
  if (status != KVERN_OK) {
    expect(rig.info().tokens == 0 && rig.info().rows == 0,
           "after a failed load the cache is not as after reset");
    rig.rows.assign(1, Row{});
    expect(rig.step(2) == Outcome::done, "after a failed load the cache does not work");
  } else {
    expect(!rig.save().empty(), "a loaded cache does not save");
  }
  return 0;
}
