#include "devices/cpu/cpu_queue.hpp"

#include <cstring>
#include <random>
#include <stdexcept>
#include <vector>

#include "devices/cpu/threads.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

using Floats = std::vector<float>;

Floats random_floats(size_t n, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal;
  Floats out(n);
  for (float &x : out) x = normal(engine);
  return out;
}

constexpr int64_t kRows = 5, kDim = 96;

/// A fixture of rows [kRows, kDim]; results are compared bit by bit with those of the kernel on one thread.
struct Rows {
  Floats x = random_floats(kRows * kDim, 1), up = random_floats(kRows * kDim, 2),
         weight = random_floats(kDim, 3);
  Floats by_queue = x, by_kernel = x;

  kernels::NormCall norm(Floats &out) const {
    kernels::NormCall call;
    call.rows = kRows, call.dim = call.x_stride = call.out_stride = kDim;
    call.x = x.data(), call.weight = weight.data(), call.out = out.data();
    return call;
  }
  kernels::ActivationCall activation(Floats &out) const {
    kernels::ActivationCall call;
    call.rows = kRows, call.dim = call.x_stride = call.up_stride = call.out_stride = kDim;
    call.x = x.data(), call.up = up.data(), call.out = out.data();
    return call;
  }
};

struct WithThreads {
  explicit WithThreads(int n) { set_threads(n); }
  ~WithThreads() { set_threads(1); }
};

DLTensor tensor(void *data, DLDataType type, std::vector<int64_t> &shape, int64_t *strides = nullptr) {
  DLTensor t{};
  t.data = data, t.device = {kDLCPU, 0}, t.ndim = static_cast<int32_t>(shape.size());
  t.dtype = type, t.shape = shape.data(), t.strides = strides;
  return t;
}

constexpr DLDataType kF32 = {kDLFloat, 32, 1}, kBf16 = {kDLBfloat, 16, 1}, kI64 = {kDLInt, 64, 1};

}  // namespace

TEST_CASE("The CPU's queue is on the CPU, without a stream") {
  CHECK(cpu_queue().place().device_type == kDLCPU);
  CHECK(cpu_queue().stream() == nullptr);
  cpu_queue().finish();
}

TEST_CASE("Norms, activation and scaled addition of a queue equal the kernels") {
  const WithThreads threads(2);
  Rows r;
  cpu_queue().norm(Norm::rms, r.norm(r.by_queue));
  kernels::rms_norm(r.norm(r.by_kernel), kernels::serial());
  CHECK(r.by_queue == r.by_kernel);
  cpu_queue().norm(Norm::layer, r.norm(r.by_queue));
  kernels::layer_norm(r.norm(r.by_kernel), kernels::serial());
  CHECK(r.by_queue == r.by_kernel);
  cpu_queue().activate(r.activation(r.by_queue));
  kernels::activate(r.activation(r.by_kernel), kernels::serial());
  CHECK(r.by_queue == r.by_kernel);
  cpu_queue().add_scaled({kRows, kDim, r.by_queue.data(), kDim, r.x.data(), kDim, 0.5f});
  kernels::add_scaled(r.by_kernel.data(), kDim, r.x.data(), kDim, 0.5f, kRows, kDim, kernels::serial());
  CHECK(r.by_queue == r.by_kernel);
}

TEST_CASE("A matrix product of a queue equals the kernel") {
  const WithThreads threads(2);
  constexpr int64_t n = 1100;
  const Floats x = random_floats(kRows * kDim, 4), w = random_floats(n * kDim, 5);
  Floats by_queue(kRows * n), by_kernel(kRows * n);
  kernels::MatmulCall call;
  call.m = kRows, call.n = call.y_stride = n, call.k = call.x_stride = call.w_stride = kDim;
  call.x = x.data(), call.w = w.data(), call.y = by_queue.data();
  cpu_queue().matmul(call);
  call.y = by_kernel.data();
  kernels::matmul(call, kernels::serial());
  CHECK(by_queue == by_kernel);
}

TEST_CASE("Rotary embedding, conversion and embedding of a queue equal the kernels") {
  const WithThreads threads(2);
  Floats by_queue = random_floats(kRows * kDim, 6), by_kernel = by_queue;
  const Floats cos = random_floats(kRows * 16, 7), sin = random_floats(kRows * 16, 8);
  kernels::RotaryCall rotary;
  rotary.tokens = kRows, rotary.heads = 3, rotary.dim = rotary.rotary_dim = rotary.head_stride = 32;
  rotary.token_stride = kDim, rotary.cos = cos.data(), rotary.sin = sin.data();
  rotary.x = by_queue.data();
  cpu_queue().rotate(rotary);
  rotary.x = by_kernel.data();
  kernels::rotate(rotary, kernels::serial());
  CHECK(by_queue == by_kernel);

  std::vector<uint16_t> halves(kRows * kDim), expected(kRows * kDim);
  kernels::ConvertCall convert;
  convert.rows = kRows, convert.dim = convert.from_stride = convert.to_stride = kDim;
  convert.from = by_queue.data(), convert.to = halves.data(), convert.to_type = kernels::Dtype::bf16;
  cpu_queue().convert(convert);
  convert.to = expected.data();
  kernels::convert(convert, kernels::serial());
  CHECK(halves == expected);

  const int64_t ids[] = {4, 0, 4};
  Floats rows(3 * kDim), expected_rows(3 * kDim);
  kernels::EmbeddingCall embedding;
  embedding.n = 3, embedding.dim = embedding.table_stride = embedding.out_stride = kDim;
  embedding.ids = ids, embedding.table = halves.data(), embedding.type = kernels::Dtype::bf16;
  embedding.out = rows.data();
  cpu_queue().embed(embedding);
  embedding.out = expected_rows.data();
  kernels::embed(embedding, kernels::serial());
  CHECK(rows == expected_rows);
}

TEST_CASE("Attention of a queue equals the kernel") {
  constexpr int64_t heads = 2, keys = 40, dim = 32;
  const Floats q = random_floats(heads * dim, 9), k = random_floats(heads * keys * dim, 10),
               v = random_floats(heads * keys * dim, 11);
  Floats by_queue(heads * dim), by_kernel(heads * dim);
  const int64_t q_pos = keys - 1;
  kernels::AttentionCall call;
  call.rows = call.n_new = 1, call.q_heads = call.kv_heads = heads, call.kv_len = keys;
  call.dim_k = call.dim_v = dim;
  call.q = q.data(), call.k = k.data(), call.v = v.data(), call.out = by_queue.data(), call.q_pos = &q_pos;
  call.q_stride = call.out_stride = {heads * dim, dim, dim};
  call.k_stride = call.v_stride = {heads * keys * dim, keys * dim, dim};
  cpu_queue().attention(call);
  call.out = by_kernel.data();
  kernels::attention(call, kernels::serial());
  CHECK(by_queue == by_kernel);
}

TEST_CASE("argmax of a queue gives the first of the largest elements of each row") {
  const Floats x = {1, 3, 3, -7, -2, -2, -9, -3};
  int64_t ids[2] = {-1, -1};
  cpu_queue().argmax({2, 3, x.data(), 4, ids});
  CHECK(ids[0] == 1);
  CHECK(ids[1] == 0);
}

TEST_CASE("Memory of a queue is aligned, moves with its owner and is freed once") {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{4096}, std::size_t{3} << 20}) {
    DeviceMemory memory = cpu_queue().take(bytes);
    REQUIRE(memory.data() != nullptr);
    CHECK(memory.bytes() == bytes);
    CHECK(reinterpret_cast<std::uintptr_t>(memory.data()) % 64 == 0);
    std::memset(memory.data(), 1, bytes);
    void *data = memory.data();
    DeviceMemory other = std::move(memory);
    CHECK(!memory);  // NOLINT(bugprone-use-after-move): empty is what is tested
    CHECK(other.data() == data);
    other = cpu_queue().take(bytes);
    CHECK(other);
  }
  CHECK_THROWS_AS(cpu_queue().take(SIZE_MAX / 2), std::bad_alloc);
}

TEST_CASE("upload and download copy bytes") {
  const char from[] = "eleven char";
  DeviceMemory memory = cpu_queue().take(sizeof from);
  char to[sizeof from] = {};
  cpu_queue().upload(from, memory.data(), sizeof from);
  cpu_queue().download(memory.data(), to, sizeof from);
  CHECK(std::memcmp(from, to, sizeof from) == 0);
}

TEST_CASE("copy follows strides and converts float dtypes") {
  Floats from = random_floats(2 * 3 * 4, 12);
  std::vector<int64_t> shape = {2, 3, 4};
  Floats transposed(24, -1.0f);
  int64_t strides[] = {1, 2, 6};
  cpu_queue().copy(tensor(from.data(), kF32, shape), tensor(transposed.data(), kF32, shape, strides));
  for (int64_t a = 0; a < 2; ++a)
    for (int64_t b = 0; b < 3; ++b)
      for (int64_t c = 0; c < 4; ++c)
        CHECK(transposed[static_cast<size_t>(a + 2 * b + 6 * c)] ==
              from[static_cast<size_t>(a * 12 + b * 4 + c)]);

  std::vector<uint16_t> halves(24);
  cpu_queue().copy(tensor(from.data(), kF32, shape), tensor(halves.data(), kBf16, shape));
  for (size_t i = 0; i < 24; ++i) CHECK(halves[i] == kernels::f32_to_bf16(from[i]));
  Floats back(24);
  cpu_queue().copy(tensor(halves.data(), kBf16, shape), tensor(back.data(), kF32, shape));
  for (size_t i = 0; i < 24; ++i) CHECK(back[i] == kernels::bf16_to_f32(halves[i]));
}

TEST_CASE("copy takes scalars, empty tensors and integers, and refuses what does not fit") {
  int64_t from = 7, to = 0;
  std::vector<int64_t> scalar, empty = {2, 0}, two = {2}, three = {3};
  cpu_queue().copy(tensor(&from, kI64, scalar), tensor(&to, kI64, scalar));
  CHECK(to == 7);
  cpu_queue().copy(tensor(nullptr, kI64, empty), tensor(nullptr, kI64, empty));
  Floats a(3), b(3);
  CHECK_THROWS_AS(cpu_queue().copy(tensor(a.data(), kF32, two), tensor(b.data(), kF32, three)),
                  std::invalid_argument);
  CHECK_THROWS_AS(cpu_queue().copy(tensor(&from, kI64, scalar), tensor(a.data(), kF32, scalar)),
                  std::invalid_argument);
}
