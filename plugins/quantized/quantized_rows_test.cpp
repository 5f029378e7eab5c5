// What is packed stays as it is, whatever is done to rows: nothing is quantized twice.
#include "plugins/quantized/testing/driver.hpp"

using namespace kvern::quantized_testing;

namespace {

Options few_bits() {
  Options options;
  options.integer("nbits", 2).integer("residual_length", 16).integer("axis_key", 1);
  return options;
}

/// Tokens [begin, end) of row `row`, keys before values.
std::vector<float> tokens(const KeysAndValues &all, int64_t row, int64_t begin, int64_t end) {
  std::vector<float> numbers;
  for (const TestTensor *part : {&all.k, &all.v}) {
    for (int64_t h = 0; h < part->shape[1]; ++h) {
      for (int64_t t = begin; t < end; ++t) {
        for (int64_t d = 0; d < part->shape[3]; ++d)
          numbers.push_back(const_cast<TestTensor *>(part)->at(row, h, t, d));
      }
    }
  }
  return numbers;
}

struct Stream {
  std::string bytes;
  std::size_t at = 0;
  kvern_stream_io writer() {
    return {sizeof(kvern_stream_io), 0, this, [](void *ctx, void *data, uint64_t size) {
              static_cast<Stream *>(ctx)->bytes.append(static_cast<const char *>(data), size);
              return static_cast<int64_t>(size);
            }};
  }
  kvern_stream_io reader() {
    return {sizeof(kvern_stream_io), 0, this, [](void *ctx, void *data, uint64_t size) {
              auto &stream = *static_cast<Stream *>(ctx);
              size = std::min<uint64_t>(size, stream.bytes.size() - stream.at);
              stream.bytes.copy(static_cast<char *>(data), size, stream.at);
              stream.at += size;
              return static_cast<int64_t>(size);
            }};
  }
};

void truncate(Driver &driver, std::vector<int64_t> to) {
  driver.require(driver.ops().truncate(driver.cache, to.data(), &driver.error));
  for (std::size_t row = 0; row < to.size(); ++row) driver.next[row] = std::min(driver.next[row], to[row]);
}

void gather(Driver &driver, const std::vector<int64_t> &order) {
  driver.require(
      driver.ops().gather(driver.cache, order.data(), static_cast<int64_t>(order.size()), &driver.error));
  const std::vector<int64_t> before = driver.next;
  driver.next.clear();
  for (int64_t row : order) driver.next.push_back(before[static_cast<std::size_t>(row)]);
}

}  // namespace

TEST_CASE(
    "nothing is quantized twice: what was handed out once is handed out again, a thousand tokens later") {
  FullHost host;
  Driver driver({1, 2, 4, 2, 32, false}, few_bits(), host);
  driver.step(500);
  const KeysAndValues before = driver.read_all();
  for (int i = 0; i < 100; ++i) driver.step(10);
  const KeysAndValues after = driver.read_all();
  for (int64_t row : {0, 1}) {
    CHECK(tokens(before, row, 0, 448) == tokens(after, row, 0, 448));
    // what was not packed then is packed now
    CHECK(tokens(before, row, 484, 500) != tokens(after, row, 484, 500));
  }
}

TEST_CASE("the last residual_length tokens are as they came") {
  for (int64_t residual : {16, 128}) {
    Options options;
    options.integer("nbits", 1).integer("residual_length", residual);
    FullHost host;
    Driver packed({1, 1, 4, 2, 32, false}, options, host, 7);
    Options all;
    all.integer("residual_length", 100000);
    Driver exact({1, 1, 4, 2, 32, false}, all, host, 7);
    for (int64_t n : {300, 1, 63, 1, 1, 64, 7}) {
      packed.step(n);
      exact.step(n);
      const int64_t size = packed.next[0];
      const KeysAndValues ours = packed.read_all(), theirs = exact.read_all();
      CHECK(tokens(ours, 0, size - residual, size) == tokens(theirs, 0, size - residual, size));
      CHECK(tokens(ours, 0, 0, 64) != tokens(theirs, 0, 0, 64));
    }
  }
}

TEST_CASE("a cache cut in its packed part goes on, and what it kept stays as it was") {
  FullHost host;
  Driver driver({1, 2, 4, 2, 32, false}, few_bits(), host);
  driver.step(500);
  for (int64_t to : {490, 333, 320, 65, 64, 1}) {
    const KeysAndValues before = driver.read_all();
    truncate(driver, {to, to});
    const KeysAndValues cut = driver.read_all();
    REQUIRE(cut.k.shape[2] == to);
    CHECK(tokens(before, 0, 0, to) == tokens(cut, 0, 0, to));
    driver.step(3);
    driver.step(200);
    const KeysAndValues after = driver.read_all();
    CHECK(tokens(cut, 1, 0, std::min<int64_t>(to, 320)) == tokens(after, 1, 0, std::min<int64_t>(to, 320)));
  }
  truncate(driver, {0, 0});
  CHECK(driver.info().tokens == 0);
  driver.next = {0, 0};
  driver.step(100);
  CHECK(driver.info().tokens == 100);
}

TEST_CASE("rows cut at different positions hide what they lost and go on") {
  FullHost host;
  Driver driver({1, 2, 4, 2, 32, false}, few_bits(), host);
  driver.step(300);
  const KeysAndValues before = driver.read_all();
  truncate(driver, {100, 200});
  driver.step(5);
  driver.step(150);
  const KeysAndValues after = driver.read_all();
  REQUIRE(after.k.shape[2] == 355);
  CHECK(tokens(before, 1, 0, 200) == tokens(after, 1, 0, 200));
  CHECK(tokens(before, 0, 0, 100) == tokens(after, 0, 0, 100));
}

TEST_CASE(
    "gather with repeats copies no packed block, and rows that share blocks part without disturbing each "
    "other") {
  FullHost host;
  Driver driver({1, 2, 4, 2, 32, false}, few_bits(), host);
  driver.step(500);
  const KeysAndValues before = driver.read_all();
  const int64_t used = driver.info().bytes_used, dense_row = (500 - 448) * 2 * 2 * 32 * 4;
  gather(driver, {1, 1, 0});
  CHECK(driver.info().bytes_used == used + dense_row);
  const KeysAndValues gathered = driver.read_all();
  CHECK(tokens(gathered, 0, 0, 500) == tokens(before, 1, 0, 500));
  CHECK(tokens(gathered, 1, 0, 500) == tokens(before, 1, 0, 500));
  CHECK(tokens(gathered, 2, 0, 500) == tokens(before, 0, 0, 500));
  for (int i = 0; i < 10; ++i) driver.step(30);
  const KeysAndValues after = driver.read_all();
  for (int64_t row : {0, 1, 2}) CHECK(tokens(after, row, 0, 448) == tokens(gathered, row, 0, 448));
  CHECK(tokens(after, 0, 500, 700) != tokens(after, 1, 500, 700));
  gather(driver, {1});
  CHECK(tokens(driver.read_all(), 0, 0, 800) == tokens(after, 1, 0, 800));
}

TEST_CASE("gather of packed rows asks for no memory") {
  FullHost host;
  Driver driver({1, 3, 4, 2, 32, false}, few_bits(), host);
  driver.step(500);
  host.fail_alloc(0, true);
  for (const std::vector<int64_t> &order : {std::vector<int64_t>{2, 2, 2}, {1, 0, 2}, {0, 1}}) {
    CHECK_NOTHROW(gather(driver, order));
  }
  host.fail_alloc(-1);
  CHECK(host.refused() == 0);
}

TEST_CASE("rows of two caches join, each with its own border between packed and dense") {
  FullHost host;
  Driver longer({1, 1, 4, 2, 32, false}, few_bits(), host, 1),
      shorter({1, 1, 4, 2, 32, false}, few_bits(), host, 2);
  longer.step(430);
  shorter.step(150);
  const KeysAndValues a = longer.read_all(), b = shorter.read_all();
  longer.require(longer.ops().append(longer.cache, shorter.cache, &longer.error));
  longer.next.push_back(150);
  const KeysAndValues both = longer.read_all();
  CHECK(tokens(both, 0, 0, 430) == tokens(a, 0, 0, 430));
  CHECK(tokens(both, 1, 280, 430) == tokens(b, 0, 0, 150));
  for (int i = 0; i < 200; ++i) longer.step(1, i % 3 == 0);
  const KeysAndValues after = longer.read_all();
  CHECK(tokens(after, 0, 0, 384) == tokens(a, 0, 0, 384));
  CHECK(tokens(after, 1, 280, 280 + 128) == tokens(b, 0, 0, 128));
  gather(longer, {1});
  const KeysAndValues one = longer.read_all();
  REQUIRE(one.k.shape[2] == 350);  // the columns of the longer row are gone
  CHECK(tokens(one, 0, 0, 128) == tokens(b, 0, 0, 128));
  for (int i = 0; i < 70; ++i) longer.step(1, true);
  // the other way round: the rows that join are the longer ones
  Driver small({1, 1, 4, 2, 32, false}, few_bits(), host, 3);
  small.step(20);
  const KeysAndValues c = small.read_all();
  small.require(small.ops().append(small.cache, longer.cache, &small.error));
  small.next.push_back(longer.next[0]);
  CHECK(tokens(small.read_all(), 0, 400, 420) == tokens(c, 0, 0, 20));
  small.step(100, true);
  CHECK(tokens(small.read_all(), 1, 0, 128) == tokens(b, 0, 0, 128));
}

TEST_CASE("a clone and a saved cache hold the same numbers, in every state") {
  FullHost host;
  const Shape shape{2, 2, 4, 2, 32, true};
  Driver driver(shape, few_bits(), host);
  const auto check = [&](bool shared = false) {
    const KeysAndValues wanted = driver.read_all(1);
    Stream stream;
    const kvern_stream_io out = stream.writer();
    driver.require(driver.ops().save(driver.cache, &out, &driver.error));
    Driver loaded(shape, few_bits(), host, 5), cloned(shape, few_bits(), host, 6);
    const kvern_stream_io in = stream.reader();
    loaded.require(loaded.ops().load(loaded.cache, &in, &loaded.error));
    cloned.ops().destroy(cloned.cache);
    cloned.cache = nullptr;
    driver.require(driver.ops().clone(driver.cache, &cloned.cache, &driver.error));
    for (Driver *other : {&loaded, &cloned}) {
      other->next = driver.next;
      // rows that share blocks have blocks of their own in a copy
      if (!shared) CHECK(other->info().bytes_used == driver.info().bytes_used);
      const KeysAndValues got = other->read_all(1);
      CHECK(got.k == wanted.k);
      CHECK(got.v == wanted.v);
      for (int64_t n : {1, 70, 1}) other->step(n, true);
    }
    const KeysAndValues still = driver.read_all(1);
    CHECK(still.k == wanted.k);
    Stream again;
    const kvern_stream_io twice = again.writer();
    driver.require(driver.ops().save(driver.cache, &twice, &driver.error));
    CHECK(again.bytes == stream.bytes);
  };
  driver.step(10);
  check();
  driver.step(400);
  check();
  truncate(driver, {333, 333});
  check();
  driver.step(90);
  check();
  gather(driver, {0, 0, 1});
  check(true);
  truncate(driver, {100, 300, 20});
  check(true);
  driver.step(2);
  check(true);
}

TEST_CASE("a saved cache is loaded only with the options that made its blocks") {
  FullHost host;
  Driver driver({1, 1, 4, 2, 32, false}, few_bits(), host);
  driver.step(200);
  Stream stream;
  const kvern_stream_io out = stream.writer();
  driver.require(driver.ops().save(driver.cache, &out, &driver.error));
  Options other;
  other.integer("nbits", 4).integer("residual_length", 16).integer("axis_key", 1);
  Driver loading({1, 1, 4, 2, 32, false}, other, host);
  const kvern_stream_io in = stream.reader();
  CHECK(loading.ops().load(loading.cache, &in, &loading.error) == KVERN_BAD_DATA);
  CHECK(std::string(loading.error.message) == "the saved cache has key_nbits = 2, this one has 4");
  loading.step(100);
}
