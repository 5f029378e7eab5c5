// What packed attention allocates, counted by operators new of this program's own.
#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>

#include "kernels/quant/packed_case.hpp"
#include "tests/support/test.hpp"

namespace {

std::atomic<int64_t> allocated{0};

void *take(size_t bytes, size_t alignment) {
  allocated += static_cast<int64_t>(bytes);
  void *p = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (!p) throw std::bad_alloc();
  return p;
}

}  // namespace

void *operator new(size_t bytes) { return take(bytes, 16); }
void *operator new(size_t bytes, const std::nothrow_t &) noexcept { return std::malloc(bytes); }
void *operator new(size_t bytes, std::align_val_t alignment) {
  return take(bytes, static_cast<size_t>(alignment));
}
void operator delete(void *p) noexcept { std::free(p); }
void operator delete(void *p, size_t) noexcept { std::free(p); }
void operator delete(void *p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void *p, size_t, std::align_val_t) noexcept { std::free(p); }

using namespace kvern::kernels;
using namespace kvern::kernels::quant;
using namespace kvern::kernels::quant::testing;
using kvern::kernels::testing::for_each_capability;

namespace {

/// Bytes that f() allocates on the calling thread, if no other allocates.
template <class F>
int64_t bytes_of(F &&f) {
  const int64_t before = allocated;
  f();
  return allocated - before;
}

/// The first and the second number: what f() allocates on a new thread, and what it then allocates again.
struct Cost {
  int64_t first, again;
};
template <class F>
Cost cost_of(F &&f) {
  Cost cost = {};
  std::thread([&] {
    cost.first = bytes_of(f);
    cost.again = bytes_of(f);
  }).join();
  return cost;
}

std::unique_ptr<PackedCase> make_case(const BlockFormat &format, int64_t keys, int64_t n_new) {
  Random random(3);
  auto c = std::make_unique<PackedCase>(format);
  AttentionCall &call = c->call.dense;
  call.rows = call.kv_heads = 1;
  call.q_heads = 3, call.n_new = n_new, call.kv_len = keys;
  call.dim_k = format.key.dim, call.dim_v = format.value.dim;
  c->runs.emplace_back().push_back(draw_run(random, format, 1, 0, keys));
  point_to_runs(*c);
  make_queries(random, *c);
  return c;
}

/// What a dense attention of the same shape allocates, which reads keys in place.
int64_t dense_bytes(const PackedCase &c) {
  AttentionCall call = c.call.dense;
  const std::vector<float> k(static_cast<size_t>(call.kv_len * call.dim_k)),
      v(static_cast<size_t>(call.kv_len * call.dim_v));
  call.k = k.data(), call.v = v.data();
  call.k_stride.pos = call.dim_k, call.v_stride.pos = call.dim_v;
  return cost_of([&] { attention(call, serial()); }).first;
}

}  // namespace

TEST_CASE(
    "Packed attention keeps scratch for one block at most, whatever the bits, axes and groups, and allocates "
    "once") {
  for_each_capability([](const CpuCapability &) {
    for (int key_bits : {8, 4, 3, 2, 1}) {
      for (int value_bits : {8, 4, 3, 2, 1}) {
        for (int axes = 0; axes < 4; ++axes) {
          for (int64_t group : {16, 64, 256}) {
            const Axis key_axis = axes & 1 ? Axis::channel : Axis::token;
            const Axis value_axis = axes & 2 ? Axis::channel : Axis::token;
            const BlockFormat format({key_bits, key_axis, group, 64}, {value_bits, value_axis, group, 64});
            auto c = make_case(format, 300, 1);
            const Cost cost = cost_of([&] { attention(c->call, serial()); });
            const int64_t block_in_f32 = format.tokens * 64 * 4;
            INFO(describe(*c));
            CHECK(cost.first <= dense_bytes(*c) + block_in_f32);
            CHECK(cost.again == 0);
          }
        }
      }
    }
  });
}

TEST_CASE("The scratch of packed attention does not grow with the keys") {
  for_each_capability([](const CpuCapability &) {
    const BlockFormat format({4, Axis::channel, 128, 64}, {4, Axis::token, 64, 64});
    for (int64_t n_new : {1, 5, 40}) {
      for (ComputeDtype compute_dtype :
           {ComputeDtype::automatic, ComputeDtype::f32, ComputeDtype::bf16, ComputeDtype::f16}) {
        Cost costs[2];
        for (int i = 0; i < 2; ++i) {
          auto c = make_case(format, i == 0 ? 100 : 4000, n_new);
          c->call.compute_dtype = compute_dtype;
          costs[i] = cost_of([&] { attention(c->call, serial()); });
        }
        CHECK(costs[0].first == costs[1].first);
        CHECK(costs[0].first > 0);
      }
    }
  });
}
