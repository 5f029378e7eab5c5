#include "devices/cuda/testing/orders.hpp"
#include "kernels/elementwise_reference.hpp"

using namespace kvern;
using namespace kvern::device::testing;
using kernels::Activation;

TEST_CASE("Activations on a card equal the reference implementation") {
  many_shapes(12, [](Random &random) {
    kernels::ActivationCall call;
    call.activation = random.pick(
        {Activation::silu, Activation::gelu_tanh, Activation::gelu, Activation::relu, Activation::relu2});
    call.rows = random.integer(1, 3);
    call.dim = random.integer(1, 300);
    call.x_stride = call.up_stride = call.out_stride = call.dim + random.integer(0, 3);
    const int64_t n = call.rows * call.x_stride;
    Buffer x = random.elements(Dtype::f32, n, 3.0f), up = random.elements(Dtype::f32, n), out(Dtype::f32, n);
    fill(out, NAN);
    call.x = x.floats();
    if (random.chance(0.5)) call.up = up.floats();
    const auto with = [&call](Buffer &to) {
      kernels::ActivationCall one = call;
      one.out = to.floats();
      return one;
    };
    require_equal_results(
        out, 1e-5f, "activation", [&](Buffer &to) { kernels::activate_reference(with(to)); },
        [&](Buffer &to) { device::activate(with(to), nullptr); });
  });
}

TEST_CASE("Scaled sums and gates on a card equal plain loops") {
  many_shapes(6, [](Random &random) {
    const int64_t rows = random.integer(1, 3), dim = random.integer(1, 300),
                  stride = dim + random.integer(0, 3);
    Buffer x = random.elements(Dtype::f32, rows * stride), out = random.elements(Dtype::f32, rows * stride);
    require_equal_results(
        out, 1e-6f, "sum",
        [&](Buffer &to) {
          for (int64_t r = 0; r < rows; ++r)
            for (int64_t i = r * stride; i < r * stride + dim; ++i) to.set(i, to.at(i) + 0.3f * x.at(i));
        },
        [&](Buffer &to) {
          device::add_scaled({rows, dim, to.floats(), stride, x.floats(), stride, 0.3f}, nullptr);
        });
    require_equal_results(
        out, 1e-6f, "gate",
        [&](Buffer &to) {
          kernels::sigmoid_gate_reference({rows, dim, to.floats(), stride, x.floats(), stride});
        },
        [&](Buffer &to) {
          device::sigmoid_gate({rows, dim, to.floats(), stride, x.floats(), stride}, nullptr);
        });
  });
}

TEST_CASE("Conversions on a card give the same bits as the reference implementation") {
  many_shapes(12, [](Random &random) {
    kernels::ConvertCall call;
    call.rows = random.integer(1, 4);
    call.dim = random.integer(1, 200);
    call.from_stride = call.to_stride = call.dim + random.integer(0, 3);
    call.from_type = any_type(random);
    call.to_type = any_type(random);
    const Buffer from = random.elements(call.from_type, call.rows * call.from_stride);
    Buffer out(call.to_type, call.rows * call.to_stride);
    fill(out, NAN);
    call.from = from.data();
    const auto with = [&call](Buffer &to) {
      kernels::ConvertCall one = call;
      one.to = to.data();
      return one;
    };
    require_equal_results(
        out, 0.0f, "conversion", [&](Buffer &to) { kernels::convert_reference(with(to)); },
        [&](Buffer &to) { device::convert(with(to), nullptr); });
  });
}

TEST_CASE("Embeddings on a card equal the reference implementation") {
  many_shapes(6, [](Random &random) {
    kernels::EmbeddingCall call;
    call.n = random.integer(1, 5);
    call.dim = random.integer(1, 300);
    call.table_stride = call.dim + random.integer(0, 3);
    call.out_stride = call.dim + random.integer(0, 3);
    call.type = any_type(random);
    call.scale = 1.5f;
    const Buffer table = random.elements(call.type, 9 * call.table_stride);
    std::vector<int64_t> ids;
    for (int64_t i = 0; i < call.n; ++i) ids.push_back(random.integer(0, 8));
    Buffer out(Dtype::f32, call.n * call.out_stride);
    fill(out, NAN);
    call.table = table.data();
    call.ids = ids.data();
    const auto with = [&call](Buffer &to) {
      kernels::EmbeddingCall one = call;
      one.out = to.floats();
      return one;
    };
    require_equal_results(
        out, 0.0f, "embedding", [&](Buffer &to) { kernels::embed_reference(with(to)); },
        [&](Buffer &to) { device::embed(with(to), nullptr); });
  });
}

TEST_CASE("Rotary embedding on a card equals the reference implementation, interleaved or in halves") {
  many_shapes(10, [](Random &random) {
    kernels::RotaryCall call;
    call.tokens = random.integer(1, 4);
    call.heads = random.integer(1, 5);
    call.rotary_dim = 2 * random.integer(1, 40);
    call.dim = call.rotary_dim + random.integer(0, 5);
    call.head_stride = call.dim + random.integer(0, 3);
    call.token_stride = call.heads * call.head_stride + random.integer(0, 3);
    call.interleaved = random.chance(0.5);
    const int64_t angles = call.tokens * call.rotary_dim / 2;
    Buffer cos = random.elements(Dtype::f32, angles), sin = random.elements(Dtype::f32, angles);
    call.cos = cos.floats();
    call.sin = sin.floats();
    const Buffer x = random.elements(Dtype::f32, call.tokens * call.token_stride);
    const auto with = [&call](Buffer &to) {
      kernels::RotaryCall one = call;
      one.x = to.floats();
      return one;
    };
    require_equal_results(
        x, 1e-5f, "rotation", [&](Buffer &to) { kernels::rotate_reference(with(to)); },
        [&](Buffer &to) { device::rotate(with(to), nullptr); });
  });
}

TEST_CASE("Norms on a card equal the reference implementation, with residual, weights, offset and bias") {
  many_shapes(16, [](Random &random) {
    kernels::NormCall call;
    call.rows = random.integer(1, 3);
    call.dim = random.pick<int64_t>({1, 31, 64, 65, 300, 700});
    call.x_stride = call.out_stride = call.residual_stride = call.dim + random.integer(0, 3);
    call.weight_type = any_type(random);
    call.bias_type = any_type(random);
    Buffer x = random.elements(Dtype::f32, call.rows * call.x_stride);
    Buffer residual = random.elements(Dtype::f32, call.rows * call.x_stride);
    const Buffer weight = random.elements(call.weight_type, call.dim),
                 bias = random.elements(call.bias_type, call.dim);
    call.x = x.floats();
    if (random.chance(0.7))
      call.weight = weight.data(), call.weight_offset = random.chance(0.5) ? 1.0f : 0.0f;
    if (random.chance(0.5)) call.bias = bias.data();
    const bool layer = random.chance(0.5), with_residual = random.chance(0.5);
    Buffer out(Dtype::f32, 2 * call.rows * call.x_stride);  // the output, then the residual stream
    fill(out, NAN);
    for (int64_t i = 0; i < residual.size(); ++i) out.set(residual.size() + i, residual.at(i));
    const auto with = [&](Buffer &to) {
      kernels::NormCall one = call;
      one.out = to.floats();
      if (with_residual) one.residual = to.floats() + residual.size();
      return one;
    };
    require_equal_results(
        out, 2e-5f, "norm",
        [&](Buffer &to) {
          layer ? kernels::layer_norm_reference(with(to)) : kernels::rms_norm_reference(with(to));
        },
        [&](Buffer &to) { device::norm(layer ? Norm::layer : Norm::rms, with(to), nullptr); });
  });
}

TEST_CASE("The argmax of a card is the first of the largest elements, and never not a number") {
  many_shapes(8, [](Random &random) {
    const int64_t rows = random.integer(1, 3), n = random.pick<int64_t>({1, 5, 256, 257, 1000}),
                  stride = n + 2;
    Buffer x = random.elements(Dtype::f32, rows * stride);
    for (int64_t i = 0; i < x.size(); ++i) x.set(i, random.chance(0.1) ? NAN : std::round(2 * x.at(i)));
    in_every_order([&] {
      std::vector<int64_t> ids(static_cast<size_t>(rows), -7);
      device::argmax({rows, n, x.floats(), stride, ids.data()}, nullptr);
      for (int64_t r = 0; r < rows; ++r)
        CHECK(ids[static_cast<size_t>(r)] == kernels::argmax_reference(x.floats() + r * stride, n));
    });
  });
}
