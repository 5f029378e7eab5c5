#include "tests/support/test.hpp"

#include <kvern/cache.hpp>

#include "core/host/testing/message_of.hpp"
#include "core/host/testing/toy_model.hpp"

using namespace kvern;
using kvern::testing::kind_of;
using kvern::testing::message_of;
using kvern::testing::status_of;
using kvern::testing::Toy;

namespace {

/// The key of every token of row 0, read back from the cache.
std::vector<float> keys_of(Cache &cache) {
  const testing::StepOf step(1, cache.info().tokens, 0);
  cache.begin(step.get());
  DLTensor k, v;
  const int64_t n = cache.view(0).kv_len;
  cache.update(0, nullptr, nullptr, &k, &v);
  std::vector<float> keys;
  for (int64_t i = 0; i < n; ++i) keys.push_back(testing::at(k, 0, 0, i, 0));
  cache.end(0);
  return keys;
}

}  // namespace

TEST_CASE("A clone is independent of the cache it came from") {
  const Toy toy;
  Cache cache = toy.create();
  testing::feed(cache, 0, 2);
  Cache copy = cache.clone();
  testing::feed(cache, 2, 1);
  cache.truncate({1});
  CHECK(keys_of(cache) == std::vector<float>{1});
  CHECK(keys_of(copy) == std::vector<float>{1, 2});
  cache = std::move(copy);
  CHECK(keys_of(cache) == std::vector<float>{1, 2});
  cache.reset();
  CHECK(cache.info().tokens == 0);
}

TEST_CASE("A clone that has no table of verbs is refused") {
  const Toy toy;
  toy::ops.clone = [](const kvern_cache *, kvern_cache **, kvern_error *) { return kvern_status{KVERN_OK}; };
  const Cache cache = toy.create();
  CHECK(message_of([&] { cache.clone(); }) == "cache 'toy': create said OK and handed out no cache");
}

TEST_CASE("A verb that is not offered is unsupported, and a cache says what it offers") {
  const Toy toy;
  Cache cache = toy.create();
  CHECK(cache.offered() == std::vector<std::string>{"truncate", "clone"});
  CHECK(cache.offers("clone"));
  CHECK_FALSE(cache.offers("gather"));
  CHECK(message_of([&] { cache.gather({0}); }) == "cache 'toy': it does not offer gather");
  const kvern_stream_io stream{};
  CHECK(status_of([&] { cache.save(stream); }) == KVERN_UNSUPPORTED);
  CHECK(status_of([&] { cache.load(stream); }) == KVERN_UNSUPPORTED);
  CHECK(status_of([&] { cache.append(cache); }) == KVERN_UNSUPPORTED);
  CHECK(cache.extension("kvern.feeds/1") == nullptr);
}

TEST_CASE("A verb beyond the end of a short table is not offered, whatever stands behind it") {
  const Toy toy;
  toy::ops.gather = [](kvern_cache *, const int64_t *, int64_t, kvern_error *) {
    return kvern_status{KVERN_OK};
  };
  toy::ops.struct_size = offsetof(kvern_cache_ops, gather);
  Cache cache = toy.create();
  CHECK(cache.offered().empty());
  CHECK(status_of([&] { cache.gather({0}); }) == KVERN_UNSUPPORTED);
  CHECK(status_of([&] { cache.clone(); }) == KVERN_UNSUPPORTED);
}

TEST_CASE("Verbs between steps reach the plugin with what they were given") {
  const Toy toy;
  static std::vector<int64_t> rows;
  static const kvern_cache *from;
  toy::ops.gather = [](kvern_cache *, const int64_t *r, int64_t n, kvern_error *) {
    rows.assign(r, r + n);
    return kvern_status{KVERN_OK};
  };
  toy::ops.append = [](kvern_cache *, const kvern_cache *f, kvern_error *) {
    from = f;
    return kvern_status{KVERN_OK};
  };
  toy::ops.get_extension = [](const kvern_cache *, const char *id) -> const void * {
    return std::string(id) == "kvern.feeds/1" ? &rows : nullptr;
  };
  Cache cache = toy.create(), other = toy.create();
  cache.gather({2, 0, 0});
  CHECK(rows == std::vector<int64_t>{2, 0, 0});
  cache.append(other);
  CHECK(from != nullptr);
  CHECK(cache.extension("kvern.feeds/1") == &rows);
  CHECK(cache.extension("kvern.feeds/2") == nullptr);
}

TEST_CASE("truncate wants a position for each row") {
  const Toy toy;
  Cache cache = toy.create();
  testing::feed(cache, 0, 2, 3);
  CHECK(message_of([&] { cache.truncate({1}); }) == "cache 'toy': truncate with 1 positions for 3 rows");
  cache.truncate({1, 1, 1});
  CHECK(cache.info().tokens == 1);
}

TEST_CASE("A layer that is not the cache's holds nothing, and one that does not exist is refused") {
  const Toy toy;
  CacheSpec spec;
  spec.layers = {testing::attention_layer(), LayerSpec{}};
  spec.layers[1].kind = KVERN_LAYER_NONE;
  spec.layers[1].shares_layer = 0;
  Cache cache = Cache::create(toy.host, toy::plugin, spec);
  testing::feed(cache, 0, 2);
  CHECK(cache.info(0).tokens == 2);
  CHECK(cache.info(1).tokens == 0);
  CHECK(message_of([&] { cache.info(2); }) == "cache 'toy': info of layer 2: there is no such layer");
}

TEST_CASE("A report that cannot be true is noticed") {
  const Toy toy;
  toy::ops.info = [](const kvern_cache *, int32_t, kvern_info *info, kvern_error *) {
    info->bytes_host = -5;
    return kvern_status{KVERN_OK};
  };
  Cache cache = toy.create();
  CHECK(message_of([&] { cache.info(); }) ==
        "cache 'toy': a defect of the plugin: info says bytes_host = -5, less than none");
}

TEST_CASE("What an older plugin does not report is unknown, not nothing") {
  const Toy toy;
  toy::ops.info = [](const kvern_cache *, int32_t, kvern_info *, kvern_error *) {
    return kvern_status{KVERN_OK};
  };
  const Cache cache = toy.create();
  CHECK(cache.info().bytes_used == -1);
  CHECK(cache.info().capacity == -1);
}

TEST_CASE("Bytes that a load rejects are an error of their own, and the cache lives on") {
  const Toy toy;
  toy::ops.load = [](kvern_cache *, const kvern_stream_io *, kvern_error *error) {
    return toy::fail(error, KVERN_BAD_DATA, "not a saved cache");
  };
  Cache cache = toy.create();
  const kvern_stream_io stream{};
  CHECK(status_of([&] { cache.load(stream); }) == KVERN_BAD_DATA);
  CHECK(message_of([&] { cache.load(stream); }) == "cache 'toy': not a saved cache");
  CHECK_FALSE(cache.lost());
}

TEST_CASE("Every status has a name") {
  CHECK(std::string(status_name(KVERN_OUT_OF_CAPACITY)) == "out of capacity");
  CHECK(std::string(status_name(KVERN_INTERNAL)) == "internal error");
  CHECK(std::string(status_name(4711)) == "internal error");
}
