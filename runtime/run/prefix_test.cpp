// The cache of a prefix on disk: what goes on from it is bit for bit what would have been without it, and nothing that is damaged, of
// another run or half-written is taken for it.
#include "runtime/run/prefix.hpp"

#include <signal.h>
#include <sys/resource.h>

#include <fstream>
#include <iterator>

#include "check/harness.hpp"
#include "core/torch/torch.hpp"
#include "runtime/models/load.hpp"
#include "runtime/run/saved_file.hpp"
#include "runtime/run/testing/every_cache.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
namespace fs = std::filesystem;

namespace {

using Ids = std::vector<int64_t>;

config::RunConfig configuration(const fs::path &folder, const std::string &cache) {
  config::RunConfig run;
  run.model = test::source_path("models/demo");
  run.plugin_path = {test::program("../lib/kvern/plugins")};
  run.cache_implementation = cache;
  run.threads = 1;
  run.prefix.folder = folder;
  return run;
}

Ids some_ids(int64_t n, int64_t seed = 0) {
  Ids ids;
  for (int64_t i = 0; i < n; ++i) ids.push_back(3 + (i * i * 3 + 11 * i + 37 * seed) % 1000);
  return ids;
}

constexpr int64_t kPrefix = 150, kMost = 200;

struct Went {
  Ids ids;
  std::vector<float> logits;
  PrefixUse use;
};

/// A greedy generation behind the prefix, from disk or not.
Went go(const Session &run, const Ids &prefix) {
  Cache cache = run.open_cache(1, kMost);
  Went went;
  went.use = fill_prefix(run, cache, prefix);
  Ids ids = prefix;
  const Ids own = some_ids(7, 5);
  ids.insert(ids.end(), own.begin(), own.end());
  GenerationConfig config;
  config.set(option::max_new_tokens, {int64_t{12}});
  GenerationEvents events;
  events.on_logits = [&](int64_t, const at::Tensor &logits) {
    const auto row = logits.contiguous();
    went.logits.insert(went.logits.end(), row.const_data_ptr<float>(),
                       row.const_data_ptr<float>() + row.numel());
  };
  went.ids = generate(run.model(), cache, {{ids}, {}}, config, events).sequences.front();
  return went;
}

bool same_bits(const std::vector<float> &a, const std::vector<float> &b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::vector<fs::path> files_of(const fs::path &folder) {
  std::vector<fs::path> files;
  for (const auto &entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  return files;
}

std::string read(const fs::path &file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write(const fs::path &file, const std::string &bytes) { std::ofstream(file, std::ios::binary) << bytes; }

}  // namespace

TEST_CASE("Going on from a prefix on disk is bit for bit going on without the detour, for every cache") {
  const Session any(configuration("/nowhere", "dynamic"));
  for (const std::string &name : testing::caches_for(any.model(), kMost)) {
    INFO(name);
    const test::TemporaryFolder folder;
    const Session run(configuration(folder.path(), name));
    const Went first = go(run, some_ids(kPrefix)), second = go(run, some_ids(kPrefix));
    CHECK_FALSE(first.use.restored);
    const bool kept = first.use.bytes > 0;
    CHECK(kept == (name != "none"));
    CHECK(second.use.restored == kept);
    CHECK(first.use.seconds > 0);
    CHECK(first.ids == second.ids);
    CHECK(same_bits(first.logits, second.logits));
    CHECK(files_of(folder.path()).size() == (kept ? 1 : 0));
  }
}

TEST_CASE(
    "A prefix is of its tokens, cache, options and dtypes: another one is computed and kept beside "
    "it") {
  const test::TemporaryFolder folder;
  auto config = configuration(folder.path(), "dynamic");
  CHECK_FALSE(go(Session(config), some_ids(20)).use.restored);
  CHECK_FALSE(go(Session(config), some_ids(20, 1)).use.restored);
  CHECK_FALSE(go(Session(config), some_ids(19)).use.restored);
  CHECK(go(Session(config), some_ids(20)).use.restored);
  config.cache_dtype = "float32";
  CHECK_FALSE(go(Session(config), some_ids(20)).use.restored);
  config.dtype = "float32";
  CHECK_FALSE(go(Session(config), some_ids(20)).use.restored);
  config.cache_implementation = "paged";
  CHECK_FALSE(go(Session(config), some_ids(20)).use.restored);
  config.cache_config = {{"block_size", {int64_t{64}, ""}}};
  CHECK_FALSE(go(Session(config), some_ids(20)).use.restored);
  CHECK(go(Session(config), some_ids(20)).use.restored);
  CHECK(PrefixStore(folder.path()).list().size() == 7);
}

TEST_CASE("Weights that have changed make another prefix, though the folder is the same") {
  const test::TemporaryFolder folder;
  const fs::path model = folder / "model";
  fs::copy(test::source_path("models/demo"), model);
  auto config = configuration(folder / "prefixes", "dynamic");
  config.model = model;
  CHECK_FALSE(go(Session(config), some_ids(20)).use.restored);
  CHECK(go(Session(config), some_ids(20)).use.restored);
  const auto before = fs::last_write_time(model / "model.safetensors");
  std::string bytes = read(model / "model.safetensors");
  bytes[bytes.size() / 2] ^= 1;
  write(model / "model.safetensors", bytes);
  fs::last_write_time(model / "model.safetensors", before + std::chrono::seconds(1));
  CHECK_FALSE(go(Session(config), some_ids(20)).use.restored);
}

TEST_CASE(
    "A prefix that is cut or changed anywhere, or of another run, is not used: it is computed again and "
    "replaced") {
  const test::TemporaryFolder folder;
  const Session run(configuration(folder.path(), "quantized"));
  const Went expected = go(run, some_ids(kPrefix));
  const fs::path file = expected.use.file;
  const std::string good = read(file);
  std::vector<std::string> bad;
  for (const size_t size : {size_t{0}, size_t{7}, size_t{40}, size_t{4096}, good.size() / 2, good.size() - 1})
    bad.push_back(good.substr(0, size));
  bad.push_back(good + "x");
  for (size_t i = 0; i < 24; ++i) {
    std::string changed = good;
    changed[i < 8 ? i * 13 : (good.size() - 1) / 15 * (i - 8)] ^= static_cast<char>(1 << (i % 8));
    bad.push_back(std::move(changed));
  }
  const fs::path other = go(run, some_ids(kPrefix, 1)).use.file;
  bad.push_back(read(other));
  int padding = 0;  // bytes between header and payload mean nothing
  for (size_t i = 0; i < bad.size(); ++i) {
    INFO("case " << i);
    write(file, bad[i]);
    Cache cache = run.open_cache(1, kMost);
    std::string why;
    const auto found =
        PrefixStore(folder.path()).restore(prefix_key(run, cache, some_ids(kPrefix)), cache, why);
    if (found == PrefixStore::Found::restored && ++padding) continue;
    CHECK(found == PrefixStore::Found::unusable);
    CHECK(why.find(file.filename().string()) != std::string::npos);
    CHECK(cache.info().tokens == 0);
  }
  CHECK(padding <= 2);
  write(file, bad.back());
  const Went again = go(run, some_ids(kPrefix));
  CHECK_FALSE(again.use.restored);
  CHECK(same_bits(again.logits, expected.logits));
  CHECK(go(run, some_ids(kPrefix)).use.restored);
}

TEST_CASE("A disk that is full while a prefix is saved leaves nothing, and the run goes on") {
  const test::TemporaryFolder folder;
  const Session run(configuration(folder.path(), "dynamic"));
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{30000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const Went went = go(run, some_ids(kPrefix));
  Cache cache = run.open_cache(1, kMost);
  fill_prefix(run, cache, some_ids(kPrefix));
  const auto message = test::error_text(ErrorKind::output, [&] {
    PrefixStore(folder.path()).keep(prefix_key(run, cache, some_ids(kPrefix)), cache, {});
  });
  setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  CHECK(message.find("cannot be written: File too large") != std::string::npos);
  CHECK(went.use.bytes == 0);
  CHECK(went.ids.size() == kPrefix + 7 + 12);
  CHECK(files_of(folder.path()).empty());
}

namespace {

/// A cache whose save writes a part and fails; without `save` where it is not offered at all.
const kvern_plugin &cache_that_saves_badly(bool offers_save) {
  static const kvern_plugin dynamic = *conformance::built_plugin("dynamic");
  static kvern_plugin plugin = dynamic;
  static kvern_cache_ops table;
  static bool offers = true;
  offers = offers_save;
  plugin.create = [](const kvern_host *host, const kvern_create *create, kvern_cache **out,
                     kvern_error *error) {
    const kvern_status status = dynamic.create(host, create, out, error);
    if (status != KVERN_OK) return status;
    table = *(*out)->ops;
    table.save = [](const kvern_cache *, const kvern_stream_io *io, kvern_error *failed) {
      char part[100] = {};
      io->io(io->ctx, part, sizeof part);
      std::snprintf(failed->message, sizeof failed->message, "half of it is missing");
      return kvern_status{KVERN_INTERNAL};
    };
    if (!offers) table.save = nullptr;
    (*out)->ops = &table;
    return status;
  };
  return plugin;
}

Cache open(const Session &run, const kvern_plugin &plugin) {
  CacheSpec spec;
  spec.layers = run.model().layers();
  return Cache::create(std::make_shared<Host>(), plugin, spec);
}

}  // namespace

TEST_CASE("A cache that fails to save leaves no file, and the message is the cache's") {
  const test::TemporaryFolder folder;
  const Session run(configuration(folder.path(), "dynamic"));
  Cache cache = open(run, cache_that_saves_badly(true));
  CHECK_THROWS_WITH(PrefixStore(folder.path()).keep(prefix_key(run, cache, some_ids(kPrefix)), cache, {}),
                    Catch::Contains("half of it is missing"));
  CHECK(files_of(folder.path()).empty());
}

TEST_CASE("The time that a prefix took is known where its cache cannot be saved, too") {
  const test::TemporaryFolder folder;
  const Session run(configuration(folder.path(), "dynamic"));
  Cache cache = open(run, cache_that_saves_badly(false));
  const PrefixUse use = fill_prefix(run, cache, some_ids(kPrefix));
  CHECK(use.seconds > 0);
  CHECK(use.bytes == 0);
  CHECK(cache.info().tokens == kPrefix);
}

TEST_CASE("A saved file gives back what was written, in pieces of any size, larger than its blocks") {
  const test::TemporaryFolder folder;
  std::string payload;
  for (uint32_t i = 0; payload.size() < 2 * kSavedBlock + 1000; ++i)
    payload.append(reinterpret_cast<char *>(&i), 4);
  for (const size_t size : {size_t{0}, size_t{1}, kSavedBlock, kSavedBlock + 1, payload.size()}) {
    INFO(size << " bytes");
    std::string text = payload.substr(0, size), read_back(size, '\0');
    {
      SavedFileWriter writer(folder / "file", "a header");
      const kvern_stream_io out = writer.stream();
      for (size_t at = 0, n = 1; at < size; at += n, n = 3 * n + 1) {
        n = std::min(n, size - at);
        REQUIRE(out.io(out.ctx, text.data() + at, n) == static_cast<int64_t>(n));
      }
      writer.commit();
    }
    SavedFileReader reader(folder / "file");
    CHECK(reader.header() == "a header");
    const kvern_stream_io in = reader.stream();
    for (size_t at = 0, n = 1; at < size; n = 5 * n + 1) {
      const int64_t got = in.io(in.ctx, read_back.data() + at, std::min(n, size - at));
      REQUIRE(got > 0);
      at += static_cast<size_t>(got);
    }
    CHECK(read_back == text);
    CHECK_NOTHROW(reader.check());
    CHECK(in.io(in.ctx, read_back.data(), 1) == 0);
  }
  CHECK(files_of(folder.path()).size() == 1);
}

TEST_CASE("A prefix that is not committed is gone, and a reader that is given up ends its thread") {
  const test::TemporaryFolder folder;
  {
    SavedFileWriter writer(folder / "file", "");
    const kvern_stream_io out = writer.stream();
    std::string text(3 * kSavedBlock, 'x');
    out.io(out.ctx, text.data(), text.size());
  }
  CHECK(files_of(folder.path()).empty());
  SavedFileWriter writer(folder / "file", "");
  const kvern_stream_io out = writer.stream();
  std::string text(10 * kSavedBlock, 'x');
  out.io(out.ctx, text.data(), text.size());
  writer.commit();
  SavedFileReader reader(folder / "file");
  const kvern_stream_io in = reader.stream();
  CHECK(in.io(in.ctx, text.data(), 10) == 10);
  CHECK(test::error_text(ErrorKind::input, [&] { reader.check(); }).find("took 10 of its") !=
        std::string::npos);
}
