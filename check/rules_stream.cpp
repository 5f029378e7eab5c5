// Rules of save and load: what was saved comes back, anything else is refused.
#include <cstring>

#include "check/rules.hpp"

namespace kvern::conformance {
namespace {

bool streams(const CacheHarness &harness) { return harness.ops().save && harness.ops().load; }

void what_was_saved_comes_back(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 19), other(subject, host, 20);
  feed_tokens(harness);
  if (!streams(harness)) return;
  expect_decodes(harness);
  const std::string bytes = harness.save();
  feed_tokens(other, 3);
  std::string message;
  std::size_t read = 0;
  expect(other.load(bytes + "what follows is not read", &message, &read) == KVERN_OK, "load: " + message);
  expect(read == bytes.size(), "load reads " + std::to_string(read) + " bytes of a cache that was saved in " +
                                   std::to_string(bytes.size()));
  other.rows = harness.rows;
  expect(other.save() == bytes, "a cache that was loaded saves other bytes");
  expect_decodes(other);
  expect_decodes(harness);
}

/// The load is refused, and the cache is as after reset.
void refused(CacheHarness &harness, const std::string &bytes, const std::string &what) {
  std::string message;
  const kvern_status status = harness.load(bytes, &message);
  expect(status == KVERN_BAD_DATA, what + " gives status " + std::to_string(status) + " on load");
  expect(!message.empty(), "load fails with an empty message");
  const kvern_info info = harness.info();
  expect(info.tokens == 0 && info.rows == 0, "after a failed load the cache is not as after reset");
}

void a_cut_stream_is_refused(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 21), other(subject, host, 22);
  feed_tokens(harness, 3);
  if (!streams(harness)) return;
  const std::string bytes = harness.save();
  const std::size_t stride = std::max<std::size_t>(1, bytes.size() / 400);
  for (std::size_t size = 0; size < bytes.size(); size += size < 300 ? 1 : stride) {
    refused(other, bytes.substr(0, size), "a stream cut after " + std::to_string(size) + " bytes");
  }
  feed_tokens(other);
}

void a_changed_stream_is_refused(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 23), other(subject, host, 24);
  feed_tokens(harness, 3);
  if (!streams(harness)) return;
  const std::string bytes = harness.save();
  const std::size_t stride = std::max<std::size_t>(1, bytes.size() / 400);
  for (std::size_t at = 0; at < bytes.size(); at += at < 300 ? 1 : stride) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ (1 << harness.random(0, 7)));
    refused(other, changed, "a stream with a bit turned in byte " + std::to_string(at));
  }
  feed_tokens(other);
}

void sizes_are_not_believed(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 25), other(subject, host, 26);
  feed_tokens(harness, 3);
  if (!streams(harness)) return;
  const std::string bytes = harness.save();
  const int64_t limit = 64 * static_cast<int64_t>(bytes.size()) + (int64_t{32} << 20);
  for (int64_t forged :
       {int64_t{1} << 16, int64_t{1} << 31, int64_t{1} << 40, int64_t{1} << 62, int64_t{-1}}) {
    for (std::size_t at = 0; at + 8 <= std::min<std::size_t>(bytes.size(), 400); ++at) {
      std::string changed = bytes;
      std::memcpy(changed.data() + at, &forged, 8);
      if (changed == bytes) continue;
      host.reset_peak();
      std::string message;
      expect(other.load(changed, &message) != KVERN_OK,
             "a forged number is accepted at byte " + std::to_string(at));
      expect(host.peak_bytes() < limit,
             "load takes " + std::to_string(host.peak_bytes()) + " bytes for a forged number");
    }
  }
  feed_tokens(other);
}

int64_t broken_io(void *, void *, uint64_t) { return -1; }

void a_broken_stream_is_reported(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 27);
  feed_tokens(harness);
  if (!streams(harness)) return;
  const kvern_stream_io stream{sizeof(kvern_stream_io), 0, nullptr, broken_io};
  expect(harness.ops().save(harness.cache, &stream, &harness.error) != KVERN_OK,
         "save into a stream that breaks succeeds");
  expect_decodes(harness);
}

}  // namespace

const std::vector<Rule> stream_rules{
    {"5.1", "what was saved comes back, and no byte behind it is read", what_was_saved_comes_back},
    {"5.2", "a stream that ends early is refused, and the cache is as after reset", a_cut_stream_is_refused},
    {"5.3", "a stream with a bit changed is refused", a_changed_stream_is_refused},
    {"5.4", "load does not take memory on the word of a stream", sizes_are_not_believed},
    {"5.5", "a broken stream is reported, and the cache continues", a_broken_stream_is_reported},
};

}  // namespace kvern::conformance
