#include <kvern/sdk/kernel_call.hpp>
#include <stdexcept>
#include <vector>

#include "tests/support/test.hpp"

using namespace kvern::sdk;
namespace kernels = kvern::kernels;

namespace {

/// A contiguous tensor [2, 3, 4, 8].
struct Tensor {
  explicit Tensor(DLDataType type) : bytes(2 * 3 * 4 * 8 * 4 + 16) {
    dl.data = bytes.data(), dl.ndim = 4, dl.dtype = type, dl.shape = shape, dl.byte_offset = 16;
  }
  std::vector<char> bytes;
  int64_t shape[4] = {2, 3, 4, 8};
  DLTensor dl{};
};

constexpr DLDataType kF32 = {kDLFloat, 32, 1}, kBf16 = {kDLBfloat, 16, 1}, kI8 = {kDLInt, 8, 1};

kvern_attend request_of(Tensor &q, Tensor &out) {
  kvern_attend request{};
  request.q = &q.dl, request.out = &out.dl, request.scale = 0.5f, request.causal = 1;
  return request;
}

}  // namespace

TEST_CASE("Queries are rounded to bf16 where keys are stored in bf16, and only there") {
  Tensor q(kF32), out(kF32), f32(kF32), bf16(kBf16);
  const kvern_attend request = request_of(q, out);
  const int64_t q_pos[8] = {};
  CHECK(!kernel_call(request, q_pos, {&f32.dl, &f32.dl}, 0, 2).round_to_bf16);
  CHECK(kernel_call(request, q_pos, {&bf16.dl, &bf16.dl}, 0, 2).round_to_bf16);
  CHECK(!query_call(request, q_pos, 0, 2).round_to_bf16);
}

TEST_CASE("Later rows of a request begin where its tensors have them") {
  Tensor q(kF32), out(kF32), lse(kF32), bias(kF32);
  kvern_attend request = request_of(q, out);
  request.lse = &lse.dl, request.bias = &bias.dl;
  bias.shape[1] = 1;  // the same for all heads
  const int64_t q_pos[8] = {};
  const kernels::AttentionCall call = query_call(request, q_pos, 1, 1);
  CHECK(call.q == q.bytes.data() + 16 + 3 * 4 * 8 * 4);
  CHECK(call.out == out.bytes.data() + 16 + 3 * 4 * 8 * 4);
  CHECK(call.q_pos == q_pos + 4);
  CHECK(reinterpret_cast<const char *>(call.lse) == lse.bytes.data() + 16 + 3 * 4 * 4);
  CHECK(reinterpret_cast<const char *>(call.bias) == bias.bytes.data() + 16 + 4 * 8 * 4);
  CHECK(call.bias_stride[1] == 0);
  CHECK(call.bias_stride[3] == 1);
}

TEST_CASE("Dtypes that kernels do not compute with are refused") {
  CHECK(!find_kernel_type(kI8));
  CHECK(!find_kernel_type({kDLFloat, 64, 1}));
  CHECK(!find_kernel_type({kDLFloat, 32, 2}));
  Tensor q(kI8), out(kF32);
  const int64_t q_pos[8] = {};
  CHECK_THROWS_AS(query_call(request_of(q, out), q_pos, 0, 2), std::invalid_argument);
}
