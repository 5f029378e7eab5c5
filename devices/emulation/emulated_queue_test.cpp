// A card's queue over the driver of the emulation: memory, copies and streams.
#include <kvern/abi/device.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <numeric>
#include <thread>

#include "devices/cpu/cpu_queue.hpp"
#include "devices/cuda/cuda_queue.hpp"
#include "devices/cuda/testing/orders.hpp"

using namespace kvern;
using namespace kvern::device::testing;

namespace {

constexpr DLDataType kF32{kDLFloat, 32, 1}, kBf16{kDLBfloat, 16, 1}, kI64{kDLInt, 64, 1};
constexpr int kSchedules = 6;

std::unique_ptr<Queue> emulated(int number) {
  return device::make_cuda_queue(device::open_driver(number), number);
}

/// f(queue) under several orders of streams, threads and blocks.
template <class F>
void under_every_schedule(F &&f) {
  for (int number = 0; number < kSchedules; ++number) f(*emulated(number));
  device::emulation::order_seed() = 0;
}

/// A tensor that owns shape and strides.
struct Tensor {
  std::vector<int64_t> shape, strides;
  DLTensor dl;

  Tensor(void *data, DLDevice place, DLDataType type, std::vector<int64_t> shape_,
         std::vector<int64_t> strides_ = {})
      : shape(std::move(shape_)), strides(std::move(strides_)) {
    dl = {data, place,        static_cast<int>(shape.size()),
          type, shape.data(), strides.empty() ? nullptr : strides.data(),
          0};
  }
  Tensor(const Tensor &) = delete;
};

constexpr DLDevice kHost{kDLCPU, 0};

std::vector<float> counted(int64_t n) {
  std::vector<float> x(static_cast<size_t>(n));
  std::iota(x.begin(), x.end(), 1.0f);
  return x;
}

DeviceMemory uploaded(Queue &queue, const std::vector<float> &x) {
  DeviceMemory memory = queue.take(x.size() * sizeof(float));
  queue.upload(x.data(), memory.data(), memory.bytes());
  return memory;
}

std::vector<float> downloaded(Queue &queue, const DeviceMemory &memory) {
  std::vector<float> x(memory.bytes() / sizeof(float));
  queue.download(memory.data(), x.data(), memory.bytes());
  return x;
}

kvern_error error() {
  kvern_error e{};
  e.struct_size = sizeof e;
  return e;
}

}  // namespace

TEST_CASE("Memory of the emulated device begins as not a number, and comes back as it was written") {
  under_every_schedule([](Queue &queue) {
    CHECK(queue.place().device_type == kDLCUDA);
    CHECK(queue.stream() != nullptr);
    const DeviceMemory fresh = queue.take(12);
    for (const float x : downloaded(queue, fresh)) CHECK(std::isnan(x));
    const DeviceMemory memory = uploaded(queue, {1, 2, 3});
    CHECK(downloaded(queue, memory) == std::vector<float>{1, 2, 3});
    CHECK(!queue.take(0));
  });
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)  // which take the signal
TEST_CASE("The host cannot touch the device's memory") {
  const auto queue = emulated(0);
  const DeviceMemory memory = uploaded(*queue, {1, 2, 3});
  queue->finish();
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGSEGV, SIG_DFL);
    memory.floats()[1] = 5.0f;
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGSEGV);
}
#endif

TEST_CASE("Host memory that was uploaded may change at once, and so may memory that was given back") {
  under_every_schedule([](Queue &queue) {
    std::vector<float> x = {1, 2, 3, 4};
    const DeviceMemory sum = uploaded(queue, {0, 0, 0, 0});
    for (int i = 0; i < 5; ++i) {
      const DeviceMemory term = uploaded(queue, x);
      x.assign(4, 100.0f * static_cast<float>(i));
      queue.add_scaled({1, 4, sum.floats(), 4, term.floats(), 4, 1.0f});
    }
    CHECK(downloaded(queue, sum) == std::vector<float>{601, 602, 603, 604});
  });
}

TEST_CASE("Copies go between any two places, with strides and conversion") {
  under_every_schedule([](Queue &queue) {
    const DLDevice there = queue.place();
    std::vector<float> x = counted(24), back(24, 0.0f);
    const DeviceMemory plain = queue.take(24 * 4), half = queue.take(24 * 2);
    // [2, 3, 4] to a device that holds it as [2, 4, 3] of bf16, and back
    const Tensor from(x.data(), kHost, kF32, {2, 3, 4}),
        middle(half.data(), there, kBf16, {2, 3, 4}, {12, 1, 3}),
        on_device(plain.data(), there, kF32, {2, 3, 4}), to(back.data(), kHost, kF32, {2, 3, 4});
    queue.copy(from.dl, middle.dl);
    queue.copy(middle.dl, on_device.dl);
    queue.copy(on_device.dl, to.dl);
    CHECK(back == x);
    // a slice of the host's memory, and a slice back into it
    std::fill(back.begin(), back.end(), -1.0f);
    const Tensor slice(x.data() + 1, kHost, kF32, {2, 2}, {12, 4}), packed(plain.data(), there, kF32, {2, 2}),
        target(back.data(), kHost, kBf16, {2, 2}, {2, 5});
    queue.copy(slice.dl, packed.dl);
    CHECK(downloaded(queue, plain)[1] == 6.0f);
    const Tensor columns(back.data(), kHost, kF32, {2, 2}, {1, 3});
    queue.copy(packed.dl, columns.dl);
    CHECK(back[0] == 2.0f);
    CHECK(back[3] == 6.0f);
    CHECK(back[1] == 14.0f);
    CHECK(back[4] == 18.0f);
    CHECK(back[2] == -1.0f);
  });
}

TEST_CASE("A copy that does not fit is refused at the call") {
  const auto queue = emulated(0);
  const DeviceMemory memory = queue->take(64);
  const Tensor a(memory.data(), queue->place(), kF32, {4}), b(memory.data(), queue->place(), kF32, {5}),
      ids(memory.data(), queue->place(), kI64, {4});
  CHECK_THROWS_AS(queue->copy(a.dl, b.dl), std::invalid_argument);
  CHECK_THROWS_AS(queue->copy(a.dl, ids.dl), std::invalid_argument);
  const kvern_device_1 *table = queue->mover();
  kvern_error e = error();
  DLTensor to = b.dl;
  CHECK(table->copy(table->ctx, &a.dl, &to, queue->stream(), &e) == KVERN_INVALID_ARGUMENT);
  CHECK(std::string(e.message) == "kvern.device/1: copy: the tensors' shapes differ");
}

TEST_CASE("Zeros, rows and slices of plain host memory are refused: the device cannot reach it") {
  const auto queue = emulated(0);
  std::vector<float> x = counted(4);
  const DeviceMemory memory = queue->take(16);
  Tensor here(x.data(), kHost, kF32, {4}), there(memory.data(), queue->place(), kF32, {4});
  const int64_t index[] = {0, 1, 2, 3};
  const kvern_device_1 *t = queue->mover();
  const std::string why = ": a tensor is in plain host memory, which the device cannot reach; copy it";
  const auto check = [&](kvern_status status, const kvern_error &e, const char *verb) {
    CHECK(status == KVERN_INVALID_ARGUMENT);
    CHECK(e.message == "kvern.device/1: " + std::string(verb) + why);
  };
  kvern_error e = error();
  check(t->zero(t->ctx, &here.dl, queue->stream(), &e), e, "zero");
  check(t->take(t->ctx, &here.dl, 0, index, 4, &there.dl, queue->stream(), &e), e, "take");
  check(t->take(t->ctx, &there.dl, 0, index, 4, &here.dl, queue->stream(), &e), e, "take");
  check(t->move(t->ctx, &here.dl, 0, 0, 2, 1, queue->stream(), &e), e, "move");
}

TEST_CASE("A kernel that is given memory of the host, or memory given back, is noticed at the call") {
  const auto queue = emulated(0);
  std::vector<float> x = counted(4);
  const DeviceMemory sum = queue->take(16);
  CHECK_THROWS_WITH(queue->add_scaled({1, 4, sum.floats(), 4, x.data(), 4, 1.0f}),
                    Catch::Contains("not in memory of the device"));
  float *gone = queue->take(16).floats();
  CHECK_THROWS_AS(queue->add_scaled({1, 4, sum.floats(), 4, gone, 4, 1.0f}), device::DeviceFailure);
  const DeviceMemory pinned = queue->take_pinned(16);
  CHECK_NOTHROW(queue->add_scaled({1, 4, sum.floats(), 4, pinned.floats(), 4, 1.0f}));
}

TEST_CASE("Any thread may use a queue, and one thread several queues in turns") {
  const auto first = emulated(0), second = emulated(1);
  const DeviceMemory a = uploaded(*first, {1, 2}), b = uploaded(*second, {3, 4});
  first->add_scaled({1, 2, a.floats(), 2, a.floats(), 2, 1.0f});
  std::vector<float> got;
  std::thread([&] {
    const DeviceMemory c = uploaded(*second, {10, 20});
    second->add_scaled({1, 2, b.floats(), 2, c.floats(), 2, 1.0f});
    got = downloaded(*second, b);
  }).join();
  CHECK(got == std::vector<float>{13, 24});
  CHECK(downloaded(*first, a) == std::vector<float>{2, 4});
  std::thread([&] {
    Tensor column(a.floats(), first->place(), kF32, {1});
    kvern_error e = error();
    const kvern_device_1 *t = first->mover();
    CHECK(t->zero(t->ctx, &column.dl, first->stream(), &e) == KVERN_OK);
  }).join();
  CHECK(downloaded(*first, a) == std::vector<float>{0, 4});
  device::emulation::order_seed() = 0;
}

TEST_CASE("Rows are taken and slices moved within one tensor, and zeros written") {
  under_every_schedule([](Queue &queue) {
    const DeviceMemory memory = uploaded(queue, counted(12));
    const kvern_device_1 *t = queue.mover();
    kvern_error e = error();
    Tensor all(memory.data(), queue.place(), kF32, {4, 3});
    const std::array<int64_t, 4> index = {3, 0, 0, 1};
    REQUIRE(t->take(t->ctx, &all.dl, 0, index.data(), 4, &all.dl, queue.stream(), &e) == KVERN_OK);
    CHECK(downloaded(queue, memory) == std::vector<float>{10, 11, 12, 1, 2, 3, 1, 2, 3, 4, 5, 6});
    REQUIRE(t->move(t->ctx, &all.dl, 0, 1, 4, 0, queue.stream(), &e) == KVERN_OK);
    CHECK(downloaded(queue, memory) == std::vector<float>{1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6});
    REQUIRE(t->move(t->ctx, &all.dl, 1, 0, 2, 1, queue.stream(), &e) == KVERN_OK);
    CHECK(downloaded(queue, memory) == std::vector<float>{1, 1, 2, 1, 1, 2, 4, 4, 5, 4, 4, 5});
    Tensor column(memory.floats() + 1, queue.place(), kF32, {4}, {3});
    REQUIRE(t->zero(t->ctx, &column.dl, queue.stream(), &e) == KVERN_OK);
    CHECK(downloaded(queue, memory) == std::vector<float>{1, 0, 2, 1, 0, 2, 4, 0, 5, 4, 0, 5});
    const int64_t beyond = 4;
    CHECK(t->take(t->ctx, &all.dl, 0, &beyond, 1, &all.dl, queue.stream(), &e) == KVERN_INVALID_ARGUMENT);
    CHECK(t->move(t->ctx, &all.dl, 0, 1, 4, 2, queue.stream(), &e) == KVERN_INVALID_ARGUMENT);
  });
}

TEST_CASE("Streams run in the order that events ask for") {
  under_every_schedule([](Queue &queue) {
    const kvern_device_1 *t = queue.mover();
    kvern_error e = error();
    void *up = nullptr, *down = nullptr;
    REQUIRE(t->side_stream(t->ctx, KVERN_STREAM_TO_DEVICE, &up, &e) == KVERN_OK);
    REQUIRE(t->side_stream(t->ctx, KVERN_STREAM_FROM_DEVICE, &down, &e) == KVERN_OK);
    CHECK(t->side_stream(t->ctx, 2, &down, &e) == KVERN_INVALID_ARGUMENT);
    kvern_event *arrived = nullptr, *computed = nullptr;
    REQUIRE(t->make_event(t->ctx, &arrived, &e) == KVERN_OK);
    REQUIRE(t->make_event(t->ctx, &computed, &e) == KVERN_OK);
    const DeviceMemory pinned = queue.take_pinned(16), result = queue.take_pinned(16), there = queue.take(16);
    const DeviceMemory sum = uploaded(queue, {0, 0, 0, 0});
    Tensor source(pinned.data(), {kDLCUDAHost, 0}, kF32, {4}), slot(there.data(), queue.place(), kF32, {4}),
        total(sum.data(), queue.place(), kF32, {4}), target(result.data(), {kDLCUDAHost, 0}, kF32, {4});
    for (int i = 0; i < 3; ++i) pinned.floats()[i] = 1.0f;
    pinned.floats()[3] = 2.0f;
    for (int round = 0; round < 3; ++round) {
      t->wait(t->ctx, up, computed, &e);
      t->copy(t->ctx, &source.dl, &slot.dl, up, &e);
      t->record(t->ctx, arrived, up, &e);
      t->wait(t->ctx, queue.stream(), arrived, &e);
      queue.add_scaled({1, 4, sum.floats(), 4, there.floats(), 4, 1.0f});
      t->record(t->ctx, computed, queue.stream(), &e);
    }
    t->wait(t->ctx, down, computed, &e);
    t->copy(t->ctx, &total.dl, &target.dl, down, &e);
    REQUIRE(t->finish(t->ctx, down, &e) == KVERN_OK);
    CHECK(result.floats()[0] == 3.0f);
    CHECK(result.floats()[3] == 6.0f);
    t->free_event(t->ctx, arrived);
    t->free_event(t->ctx, computed);
  });
}

TEST_CASE("Positions of an attention and ranges of a recurrence are host arrays") {
  under_every_schedule([](Queue &queue) {
    Random random(1);
    kernels::AttentionCall call;
    call.rows = 1;
    call.q_heads = call.kv_heads = 1;
    call.n_new = 1;
    call.kv_len = 600;  // enough for several splits
    call.dim_k = call.dim_v = 8;
    call.q_stride = call.out_stride = {8, 8, 8};
    call.k_stride = call.v_stride = {4800, 4800, 8};
    int64_t q_pos = 580, first_pos = -10;
    call.q_pos = &q_pos;
    call.first_pos = &first_pos;
    Buffer q = random.elements(Dtype::f32, 8), k = random.elements(Dtype::f32, 4800),
           v = random.elements(Dtype::f32, 4800);
    Buffer expected(Dtype::f32, 8), got(Dtype::f32, 8);
    const auto with = [&](const void *q_at, const void *k_at, const void *v_at, void *out) {
      kernels::AttentionCall one = call;
      one.q = q_at, one.k = k_at, one.v = v_at, one.out = out;
      return one;
    };
    kernels::attention_reference(with(q.data(), k.data(), v.data(), expected.data()));
    const auto upload = [&](const Buffer &x) {
      DeviceMemory memory = queue.take(x.bytes.size());
      queue.upload(x.data(), memory.data(), x.bytes.size());
      return memory;
    };
    const DeviceMemory dq = upload(q), dk = upload(k), dv = upload(v), out = queue.take(32);
    queue.attention(with(dq.data(), dk.data(), dv.data(), out.data()));
    q_pos = first_pos = 0;  // they have been read
    queue.download(out.data(), got.data(), 32);
    require_close(got, expected, 1e-4f, "attention");
  });
}

TEST_CASE("What a card does not compute is refused in a sentence") {
  const auto queue = emulated(0);
  CHECK_THROWS_WITH(queue->packed_matmul({}), "packed weights are multiplied on the CPU only");
  CHECK_THROWS_WITH(queue->packed_embed({}), "packed weights are read on the CPU only");
}
