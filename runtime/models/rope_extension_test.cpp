#include "runtime/models/rope_extension.hpp"

#include <cmath>
#include <kvern/dtype.hpp>
#include <string>
#include <vector>

#include "kernels/dtype.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using models::RopeExtension;

namespace {

RopeConfig config() {
  RopeConfig c;
  c.rotary_dim = 4;
  c.theta = 100.0;
  c.attention_factor = 2.0;
  return c;
}

// x [2, 3, 5, 6]: rows, heads, tokens, elements of a head.
struct Heads {
  explicit Heads(Dtype type = Dtype::f32) : dtype(type), data(2 * 3 * 5 * 6 * 4) {
    for (int64_t i = 0; i < 180; ++i) kernels::store_element(data.data(), kernel(), i, std::sin(0.7f * i));
    tensor = {data.data(), {kDLCPU, 0}, 4, to_dlpack(type), shape, nullptr, 0};
  }
  kernels::Dtype kernel() const { return dtype == Dtype::f32 ? kernels::Dtype::f32 : kernels::Dtype::bf16; }
  float at(int64_t row, int64_t head, int64_t token, int64_t i) const {
    return kernels::load_element(data.data(), kernel(), ((row * 3 + head) * 5 + token) * 6 + i);
  }
  Dtype dtype;
  std::vector<char> data;
  int64_t shape[4] = {2, 3, 5, 6};
  DLTensor tensor;
};

struct Fixture {
  Rope rope{config()};
  RopeExtension extension{{{&rope}, {&rope}, {}}};
  kvern_error error{sizeof(kvern_error), 0, {}};
  const kvern_rope_1 *table = extension.table();
  kvern_status rotate(Heads &x, const std::vector<int64_t> &pos, int64_t row_stride, int32_t turn_only = 1) {
    return table->rotate(table->ctx, 1, &x.tensor, pos.data(), row_stride, turn_only, nullptr, &x.tensor,
                         &error);
  }
};

}  // namespace

TEST_CASE("Keys are rotated by their positions, and the rest of a head stays") {
  Fixture f;
  const Heads before;
  Heads x;
  const std::vector<int64_t> pos = {0, 1, 2, 3, 4, 10, 11, 12, 13, 14};
  REQUIRE(f.rotate(x, pos, 5) == KVERN_OK);
  for (int64_t row = 0; row < 2; ++row) {
    for (int64_t token = 0; token < 5; ++token) {
      const float angle = 0.1f * static_cast<float>(pos[row * 5 + token]);  // 1 / 100^(2/4)
      const float a = before.at(row, 2, token, 1), b = before.at(row, 2, token, 3);
      CHECK(x.at(row, 2, token, 1) == Approx(a * std::cos(angle) - b * std::sin(angle)).margin(1e-5));
      CHECK(x.at(row, 2, token, 3) == Approx(b * std::cos(angle) + a * std::sin(angle)).margin(1e-5));
      CHECK(x.at(row, 2, token, 5) == before.at(row, 2, token, 5));
    }
  }
}

TEST_CASE("A negative position rotates back") {
  Fixture f;
  const Heads before;
  Heads x;
  REQUIRE(f.rotate(x, {7, 8, 9, 10, 11}, 0) == KVERN_OK);
  REQUIRE(f.rotate(x, {-7, -8, -9, -10, -11}, 0) == KVERN_OK);
  for (int64_t i = 0; i < 6; ++i) CHECK(x.at(1, 1, 3, i) == Approx(before.at(1, 1, 3, i)).margin(1e-5));
}

TEST_CASE("The factor on cos and sin is left out where keys carry it") {
  Fixture f;
  Heads once, twice;
  REQUIRE(f.rotate(once, {3, 3, 3, 3, 3}, 0, 1) == KVERN_OK);
  REQUIRE(f.rotate(twice, {3, 3, 3, 3, 3}, 0, 0) == KVERN_OK);
  CHECK(twice.at(0, 0, 0, 0) == Approx(2 * once.at(0, 0, 0, 0)));
}

TEST_CASE("Keys of 16 bits are rotated in 32") {
  Fixture f;
  Heads wide, narrow(Dtype::bf16);
  REQUIRE(f.rotate(wide, {3, 4, 5, 6, 7}, 0) == KVERN_OK);
  REQUIRE(f.rotate(narrow, {3, 4, 5, 6, 7}, 0) == KVERN_OK);
  CHECK(narrow.at(1, 2, 4, 0) == Approx(wide.at(1, 2, 4, 0)).margin(0.02));
}

TEST_CASE("The tables are those that rotate uses, without the factor") {
  Fixture f;
  int32_t rotary_dim = 0, interleaved = 1;
  float factor = 0;
  const int64_t pos[] = {2, 5};
  REQUIRE(f.table->tables(f.table->ctx, 0, pos, 2, nullptr, nullptr, &rotary_dim, &interleaved, &factor,
                          &f.error) == KVERN_OK);
  CHECK(rotary_dim == 4);
  CHECK(interleaved == 0);
  CHECK(factor == 2.0f);
  float cos[4], sin[4];
  REQUIRE(f.table->tables(f.table->ctx, 0, pos, 2, cos, sin, &rotary_dim, &interleaved, &factor, &f.error) ==
          KVERN_OK);
  CHECK(cos[0] == Approx(std::cos(2.0)));
  CHECK(sin[3] == Approx(std::sin(0.5)));
}

TEST_CASE("What cannot be rotated is refused") {
  Fixture f;
  Heads x;
  SECTION("a layer that is not there") {
    CHECK(f.table->rotate(f.table->ctx, 3, &x.tensor, nullptr, 0, 0, nullptr, &x.tensor, &f.error) ==
          KVERN_INVALID_ARGUMENT);
    CHECK(f.error.message == std::string("kvern.rope/1: there is no layer 3, only 3"));
  }
  SECTION("a head with fewer elements than rotary_dim") {
    x.shape[3] = 2;
    CHECK(f.rotate(x, {1, 2, 3, 4, 5}, 0) == KVERN_INVALID_ARGUMENT);
  }
  SECTION("elements of another type") {
    x.tensor.dtype = {kDLInt, 32, 1};
    CHECK(f.rotate(x, {1, 2, 3, 4, 5}, 0) == KVERN_INVALID_ARGUMENT);
  }
}

TEST_CASE("A rotation that depends on the length is not offered") {
  RopeConfig c = config();
  c.type = RopeConfig::Type::dynamic;
  c.max_positions = 16;
  const Rope rope(c);
  const RopeExtension extension(std::vector<models::LayerRope>{{&rope, 0}});
  Heads x;
  kvern_error error{sizeof(kvern_error), 0, {}};
  const int64_t pos[5] = {};
  const kvern_rope_1 &table = *extension.table();
  CHECK(table.rotate(table.ctx, 0, &x.tensor, pos, 0, 0, nullptr, &x.tensor, &error) == KVERN_UNSUPPORTED);
}

TEST_CASE("The keys of a layer without rotation stay as they are") {
  Fixture f;
  const Heads before;
  Heads x;
  const std::vector<int64_t> pos = {0, 1, 2, 3, 4};
  REQUIRE(f.table->rotate(f.table->ctx, 2, &x.tensor, pos.data(), 0, 0, nullptr, &x.tensor, &f.error) ==
          KVERN_OK);
  CHECK(x.data == before.data);
  int32_t rotary_dim = -1;
  REQUIRE(f.table->tables(f.table->ctx, 2, pos.data(), 5, nullptr, nullptr, &rotary_dim, nullptr, nullptr,
                          &f.error) == KVERN_OK);
  CHECK(rotary_dim == 0);
}
