// Streams that claim to be a saved cache, given to `load` of the plugin that it is linked with. Whatever comes: a status,
// bounded memory, and a cache that works afterwards. It does not look at numbers.
#include <algorithm>
#include <cstring>
#include <kvern/sdk/stream.hpp>
#include <vector>

#include "check/harness.hpp"

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

/// For a cache that treats old tokens in another way: all tokens are old, so that short streams reach it.
const kvern_option *no_residual(const kvern_plugin &plugin) {
  static kvern_option option{};
  for (uint32_t i = 0; i < plugin.n_options; ++i) {
    if (std::strcmp(plugin.options[i]->key, "residual_length") != 0) continue;
    option = *plugin.options[i];
    option.i = 0;
    return &option;
  }
  return nullptr;
}

/// Every loaded token is returned, or memory is exhausted.
void read_all(CacheHarness &harness) {
  const std::vector<int64_t> positions(static_cast<std::size_t>(harness.info().rows), 0);
  kvern_step step{};
  step.struct_size = sizeof step;
  step.rows = static_cast<int64_t>(positions.size());
  step.row_pos = positions.data();
  if (step.rows == 0) return;
  const kvern_status status = harness.ops().begin(harness.cache, &step, &harness.error);
  if (status == KVERN_OUT_OF_MEMORY) return;
  expect(status == KVERN_OK, "a loaded cache cannot be read");
  for (int layer = 0; layer < 2; ++layer) {
    DLTensor k, v;
    expect(harness.ops().update(harness.cache, layer, nullptr, nullptr, &k, &v, &harness.error) == KVERN_OK,
           "update of a loaded cache fails");
  }
  expect(harness.ops().end(harness.cache, 0, &harness.error) == KVERN_OK, "a step that reads does not end");
}

void load(const uint8_t *data, std::size_t size) {
  TestHost host;
  host.set_budget(int64_t{64} << 20);
  Subject subject;
  subject.plugin = kvern_plugin_entry(host.table());
  subject.layers = {attention_layer(), attention_layer()};
  if (const kvern_option *option = no_residual(*subject.plugin)) subject.options.push_back(option);
  CacheHarness harness(subject, host, 1);
  Source source{data, size};
  const kvern_stream_io stream{sizeof(kvern_stream_io), 0, &source, read_some};
  const kvern_status status = harness.ops().load(harness.cache, &stream, &harness.error);
  if (status != KVERN_OK) {
    expect(harness.info().tokens == 0 && harness.info().rows == 0,
           "after a failed load the cache is not as after reset");
    harness.rows.assign(1, Row{});
    expect(harness.step(2) == Outcome::done, "after a failed load the cache does not work");
  } else {
    expect(!harness.save().empty(), "a loaded cache does not save");
    read_all(harness);
  }
}

}  // namespace

/// The stream as given, and with a matching checksum appended as an attacker would.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  load(data, size);
  if (size < 8) return 0;
  std::vector<uint8_t> sealed(data, data + size);
  kvern::sdk::Checksum sum;
  sum.add(data, size - 8);
  const uint64_t value = sum.value();
  std::memcpy(sealed.data() + size - 8, &value, 8);
  load(sealed.data(), size);
  return 0;
}
