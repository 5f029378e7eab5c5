#include "kernels/elementwise.hpp"

#include <cmath>

#include "kernels/elementwise_reference.hpp"
#include "kernels/test_support.hpp"
#include "tests/support/test.hpp"

using namespace kvern::kernels;
using namespace kvern::kernels::testing;

namespace {

const std::initializer_list<int64_t> kDims = {1, 3, 8, 15, 16, 17, 32, 33, 64, 100, 577};

/// Relative to 1 + |expected|.
void require_close(const Buffer &got, const Buffer &expected, float tolerance, const char *what) {
  for (int64_t i = 0; i < got.size(); ++i) {
    float allowed = tolerance * (1.0f + std::abs(expected.at(i)));
    if (std::abs(got.at(i) - expected.at(i)) <= allowed) continue;
    FAIL(what << " at " << cpu_capability().name << ": " << got.at(i) << " instead of " << expected.at(i)
              << " at " << i << " of " << got.size());
  }
}

template <class F>
void many_times(F &&f) {
  for_each_capability([&f](const CpuCapability &) {
    Random random(9);
    for (int i = 0; i < 40; ++i) f(random);
  });
  SUCCEED();
}

}  // namespace

TEST_CASE("Norms equal the reference implementation, with and without residual, weight and bias") {
  many_times([](Random &random) {
    NormCall call;
    call.rows = random.pick<int64_t>({1, 2, 40});
    call.dim = random.pick(kDims);
    call.x_stride = call.dim + random.integer(0, 2);
    call.residual_stride = call.dim + random.integer(0, 2);
    call.out_stride = call.dim + random.integer(0, 2);
    call.weight_type = random.pick({Dtype::f32, Dtype::bf16, Dtype::f16});
    call.bias_type = random.pick({Dtype::f32, Dtype::bf16, Dtype::f16});
    call.weight_offset = random.chance(0.3) ? 1.0f : 0.0f;
    Buffer x = random.elements(Dtype::f32, (call.rows - 1) * call.x_stride + call.dim, 3.0f);
    Buffer residual = random.elements(Dtype::f32, (call.rows - 1) * call.residual_stride + call.dim);
    Buffer weight = random.elements(call.weight_type, call.dim),
           bias = random.elements(call.bias_type, call.dim);
    Buffer out = random.elements(Dtype::f32, (call.rows - 1) * call.out_stride + call.dim);
    call.x = x.floats();
    if (random.chance(0.8)) call.weight = weight.data();
    if (random.chance(0.5)) call.bias = bias.data();
    bool with_residual = random.chance(0.5), is_rms = random.chance(0.5);
    Buffer expected = out, expected_residual = residual;
    call.out = expected.floats();
    if (with_residual) call.residual = expected_residual.floats();
    (is_rms ? rms_norm_reference : layer_norm_reference)(call);
    call.out = out.floats();
    if (with_residual) call.residual = residual.floats();
    (is_rms ? rms_norm : layer_norm)(call, test_threads());
    require_close(out, expected, 2e-5f, is_rms ? "rms_norm" : "layer_norm");
    require_close(residual, expected_residual, 0.0f, "the residual");
  });
}

TEST_CASE("Activations equal the reference implementation from -100 to 100, with and without a gate") {
  many_times([](Random &random) {
    ActivationCall call;
    call.activation = random.pick(
        {Activation::silu, Activation::gelu_tanh, Activation::gelu, Activation::relu, Activation::relu2});
    call.rows = random.pick<int64_t>({1, 3, 200});
    call.dim = random.pick(kDims);
    call.x_stride = call.up_stride = call.out_stride = call.dim + random.integer(0, 2);
    int64_t size = (call.rows - 1) * call.x_stride + call.dim;
    Buffer x = random.elements(Dtype::f32, size, random.pick({1.0f, 5.0f, 40.0f})),
           up = random.elements(Dtype::f32, size);
    Buffer out(Dtype::f32, size), expected(Dtype::f32, size);
    call.x = x.floats();
    if (random.chance(0.5)) call.up = up.floats();
    call.out = expected.floats();
    activate_reference(call);
    call.out = out.floats();
    activate(call, test_threads());
    require_close(out, expected, 2e-6f, "activation");
  });
}

TEST_CASE(
    "Rotary embedding equals the reference implementation in both layouts and leaves the rest of a head "
    "alone") {
  many_times([](Random &random) {
    RotaryCall call;
    call.tokens = random.pick<int64_t>({1, 2, 30});
    call.heads = random.integer(1, 4);
    call.rotary_dim = 2 * random.pick<int64_t>({1, 4, 7, 8, 16, 32, 40});
    call.dim = call.rotary_dim + random.pick<int64_t>({0, 0, 16});
    call.head_stride = call.dim + random.integer(0, 2);
    call.token_stride = call.heads * call.head_stride;
    call.interleaved = random.chance(0.5);
    int64_t size = (call.tokens - 1) * call.token_stride + (call.heads - 1) * call.head_stride + call.dim;
    Buffer x = random.elements(Dtype::f32, size), expected = x;
    Buffer cos = random.elements(Dtype::f32, call.tokens * call.rotary_dim / 2);
    Buffer sin = random.elements(Dtype::f32, call.tokens * call.rotary_dim / 2);
    call.cos = cos.floats();
    call.sin = sin.floats();
    call.x = expected.floats();
    rotate_reference(call);
    call.x = x.floats();
    rotate(call, test_threads());
    require_close(x, expected, 1e-6f, "rotation");
  });
}

TEST_CASE("Conversion between formats is bit for bit that of the scalar functions, special values included") {
  many_times([](Random &random) {
    ConvertCall call;
    call.from_type = random.pick({Dtype::f32, Dtype::bf16, Dtype::f16});
    call.to_type = random.pick({Dtype::f32, Dtype::bf16, Dtype::f16});
    call.rows = random.integer(1, 3);
    call.dim = random.pick(kDims);
    call.from_stride = call.dim + random.integer(0, 2);
    call.to_stride = call.dim + random.integer(0, 2);
    Buffer from = random.elements(call.from_type, (call.rows - 1) * call.from_stride + call.dim,
                                  random.pick({1.0f, 1e-6f, 3e4f, 1e30f}));
    float specials[] = {0.0f, -0.0f, INFINITY, -INFINITY, 1e-8f, 5e-41f, 65519.9f, 65520.0f, NAN};
    for (int64_t i = 0; i < std::min<int64_t>(9, from.size()); ++i)
      from.set(from.size() - 1 - i, specials[i]);
    Buffer to(call.to_type, (call.rows - 1) * call.to_stride + call.dim), expected = to;
    call.from = from.data();
    call.to = expected.data();
    convert_reference(call);
    call.to = to.data();
    convert(call, test_threads());
    for (int64_t i = 0; i < to.size(); ++i) {
      if (std::isnan(to.at(i)) && std::isnan(expected.at(i))) continue;
      if (std::bit_cast<uint32_t>(to.at(i)) != std::bit_cast<uint32_t>(expected.at(i))) {
        FAIL(name_of(call.from_type) << " to " << name_of(call.to_type) << " at " << cpu_capability().name
                                     << ": " << to.at(i) << " instead of " << expected.at(i));
      }
    }
  });
}

TEST_CASE("Embedding rows are looked up, converted and scaled") {
  many_times([](Random &random) {
    EmbeddingCall call;
    call.n = random.integer(0, 20);
    call.dim = random.pick(kDims);
    call.type = random.pick({Dtype::f32, Dtype::bf16, Dtype::f16});
    call.table_stride = call.dim;
    call.out_stride = call.dim + 1;
    call.scale = random.chance(0.5) ? 1.0f : 22.6f;
    Buffer table = random.elements(call.type, 11 * call.dim);
    std::vector<int64_t> ids;
    for (int64_t i = 0; i < call.n; ++i) ids.push_back(random.integer(0, 10));
    call.ids = ids.data();
    call.table = table.data();
    Buffer out(Dtype::f32, call.n * call.out_stride), expected = out;
    call.out = expected.floats();
    embed_reference(call);
    call.out = out.floats();
    embed(call, test_threads());
    require_close(out, expected, 0.0f, "embedding");
  });
}

TEST_CASE("add_scaled adds") {
  many_times([](Random &random) {
    int64_t dim = random.pick(kDims);
    Buffer x = random.elements(Dtype::f32, 3 * dim), out = random.elements(Dtype::f32, 3 * dim),
           expected = out;
    for (int64_t i = 0; i < out.size(); ++i) expected.set(i, out.at(i) + 0.5f * x.at(i));
    add_scaled(out.floats(), dim, x.floats(), dim, 0.5f, 3, dim, serial());
    require_close(out, expected, 1e-7f, "add_scaled");
  });
}

TEST_CASE("argmax gives the first of the largest elements and never a NaN") {
  many_times([](Random &random) {
    int64_t n = random.pick({int64_t{0}, int64_t{1}, int64_t{16}, int64_t{17}, int64_t{1000}});
    Buffer x = random.elements(Dtype::f32, n);
    for (int64_t i = 0; i < n; ++i) {
      if (random.chance(0.2)) x.set(i, 3.0f);
      if (random.chance(0.1)) x.set(i, NAN);
      if (random.chance(0.1)) x.set(i, -INFINITY);
    }
    REQUIRE(argmax(x.floats(), n) == argmax_reference(x.floats(), n));
  });
}
