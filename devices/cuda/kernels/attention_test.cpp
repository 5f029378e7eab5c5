#include "devices/cuda/testing/orders.hpp"

using namespace kvern;
using namespace kvern::device::testing;

namespace {

kernels::AttentionStrides strides_of(Random &random, int64_t heads, int64_t tokens, int64_t dim,
                                     bool aligned) {
  const int64_t pos = dim + random.pick<int64_t>({0, 0, aligned ? 0 : 3, 8}),
                head = tokens * pos + random.pick<int64_t>({0, 8});
  return {heads * head, head, pos};
}

enum class Spoiled { key, value, part };

/// An attention of random shape with everything that a call can ask for, and its memory.
struct AttentionCase {
  kernels::AttentionCall call;
  Buffer q, k, v, out, bias, sinks;  // out: the output, then lse
  std::vector<int64_t> q_pos, first_pos, key_pos;
  int64_t out_elements = 0;
  bool aligned;

  /// `dim`: of the shapes and types that the kernel of decoding serves.
  AttentionCase(Random &random, int64_t n_new, int64_t kv_len, int64_t dim = 0) : aligned(dim > 0) {
    call.rows = random.integer(1, 2);
    call.kv_heads = random.integer(1, 2);
    call.q_heads = call.kv_heads * random.pick<int64_t>({1, 2, 4});
    call.n_new = n_new;
    call.kv_len = kv_len;
    call.dim_k = aligned ? dim : random.pick<int64_t>({16, 24, 64});
    call.dim_v = aligned || random.chance(0.7) ? call.dim_k : random.pick<int64_t>({16, 40});
    call.q_type = random.pick({Dtype::f32, Dtype::f32, Dtype::bf16});
    call.kv_type = aligned ? random.pick({Dtype::bf16, Dtype::f16}) : any_type(random);
    call.scale = 0.4f;
    call.softcap = random.chance(0.3) ? 5.0f : 0.0f;
    call.causal = random.chance(0.8);
    call.window = random.chance(0.4) ? random.integer(1, kv_len) : 0;
    call.keep_first = call.window && random.chance(0.3) ? 3 : 0;
    make_tensors(random);
    make_positions(random);
    make_extras(random);
  }

  void make_tensors(Random &random) {
    call.q_stride = strides_of(random, call.q_heads, call.n_new, call.dim_k, aligned);
    call.k_stride = strides_of(random, call.kv_heads, call.kv_len, call.dim_k, aligned);
    call.v_stride = strides_of(random, call.kv_heads, call.kv_len, call.dim_v, aligned);
    call.out_stride = strides_of(random, call.q_heads, call.n_new, call.dim_v, aligned);
    q = random.elements(call.q_type, call.rows * call.q_stride.row);
    k = random.elements(call.kv_type, call.rows * call.k_stride.row);
    v = random.elements(call.kv_type, call.rows * call.v_stride.row);
    out_elements = call.rows * call.out_stride.row;
    out = random.elements(Dtype::f32, out_elements + call.rows * call.q_heads * call.n_new);
    call.q = q.data();
    call.k = k.data();
    call.v = v.data();
  }

  void make_positions(Random &random) {
    for (int64_t r = 0; r < call.rows; ++r) {
      first_pos.push_back(r == 0 ? 0 : -random.integer(0, call.kv_len / 2));  // padding on the left
      for (int64_t t = 0; t < call.n_new; ++t)
        q_pos.push_back(first_pos.back() + call.kv_len - call.n_new + t);
    }
    call.q_pos = q_pos.data();
    call.first_pos = first_pos.data();
    if (random.chance(0.7)) return;
    call.key_pos_head_stride = random.chance(0.5) ? call.kv_len : 0;
    call.key_pos_row_stride = call.key_pos_head_stride ? call.kv_heads * call.kv_len : call.kv_len;
    for (int64_t i = 0; i < call.rows * call.kv_heads * call.kv_len; ++i)
      key_pos.push_back(random.integer(-2, call.kv_len));
    call.key_pos = key_pos.data();
  }

  void make_extras(Random &random) {
    sinks = random.elements(Dtype::f32, call.q_heads);
    bias = random.elements(Dtype::f32, call.q_heads * call.n_new * call.kv_len);
    if (random.chance(0.3)) call.sinks = sinks.floats();
    if (!aligned && random.chance(0.3)) {
      call.bias = bias.floats();
      call.bias_stride[1] = call.n_new * call.kv_len;
      call.bias_stride[2] = call.kv_len;
      call.bias_stride[3] = 1;
    }
    call.merge = random.chance(0.2);
  }

  /// One element of that kind is not a number, where every query sees it.
  void spoil(Spoiled what, Random &random) {
    call.causal = false, call.window = 0, call.key_pos = nullptr, call.merge = what == Spoiled::part;
    const int64_t row = random.integer(0, call.rows - 1), last = call.kv_len - 1;
    if (what == Spoiled::key) k.set(row * call.k_stride.row + last * call.k_stride.pos, NAN);
    if (what == Spoiled::value) v.set(row * call.v_stride.row + last * call.v_stride.pos, NAN);
    if (what == Spoiled::part) out.set(out_elements + row * call.q_heads, NAN);
  }

  kernels::AttentionCall with(Buffer &to) const {
    kernels::AttentionCall one = call;
    one.out = to.floats();
    one.lse = to.floats() + out_elements;
    return one;
  }

  void compare(int splits) {
    require_equal_results(
        out, 2e-4f, "attention", [&](Buffer &to) { kernels::attention_reference(with(to)); },
        [&](Buffer &to) {
          Buffer workspace(Dtype::f32, device::attention_elements(call, splits));
          fill(workspace, NAN);
          device::attention(with(to), splits, workspace.floats(), nullptr);
        });
  }
};

}  // namespace

TEST_CASE("Attention of a token on a card equals the reference implementation, however its keys are shared") {
  many_shapes(16, [](Random &random) {
    AttentionCase attention(random, 1, random.pick<int64_t>({1, 5, 33, 70, 300}));
    attention.compare(1);
    attention.compare(static_cast<int>(random.integer(2, 5)));
  });
}

TEST_CASE("Attention of a token over aligned 16-bit keys on a card equals the reference implementation") {
  many_shapes(10, [](Random &random) {
    AttentionCase attention(random, 1, random.pick<int64_t>({1, 31, 33, 300}),
                            random.pick<int64_t>({64, 128, 256}));
    attention.compare(1);
    attention.compare(static_cast<int>(random.integer(2, 5)));
  });
}

TEST_CASE("Attention of a prompt on a card equals the reference implementation") {
  many_shapes(10, [](Random &random) {
    const int64_t n_new = random.integer(2, 9);
    AttentionCase attention(random, n_new, n_new + random.pick<int64_t>({0, 3, 60}));
    attention.compare(1);
  });
}

TEST_CASE("What is not a number stays so in attention on a card") {
  many_shapes(12, [](Random &random) {
    const bool aligned = random.chance(0.5);
    AttentionCase attention(random, 1, random.pick<int64_t>({1, 33, 300}), aligned ? 64 : 0);
    attention.spoil(random.pick({Spoiled::key, Spoiled::value, Spoiled::part}), random);
    Buffer expected = attention.out;
    kernels::attention_reference(attention.with(expected));
    CHECK(std::any_of(expected.floats(), expected.floats() + expected.size(),
                      [](float x) { return std::isnan(x); }));
    attention.compare(1);
    attention.compare(3);
  });
}

TEST_CASE("A type of output that is not float32 is rounded once") {
  Random random(4);
  AttentionCase attention(random, 1, 40);
  attention.call.merge = false;
  Buffer out(Dtype::bf16, attention.out_elements),
      lse(Dtype::f32, attention.call.rows * attention.call.q_heads);
  attention.call.out_type = Dtype::bf16;
  fill(out, 0.0f);
  Buffer expected = out;
  kernels::AttentionCall call = attention.call;
  call.out = expected.data();
  kernels::attention_reference(call);
  call.out = out.data();
  Buffer workspace(Dtype::f32, device::attention_elements(call, 1));
  device::attention(call, 1, workspace.floats(), nullptr);
  require_close(out, expected, 1e-2f, "attention");
}

TEST_CASE("A few queries over many keys are shared among blocks, many queries are not") {
  kernels::AttentionCall call;
  call.rows = 1;
  call.q_heads = call.kv_heads = 8;
  call.n_new = 1;
  call.kv_len = 4096;
  CHECK(device::attention_splits(call, 132) == 16);
  call.kv_len = 100;
  CHECK(device::attention_splits(call, 132) == 1);
  call.kv_len = 4096;
  call.n_new = 512;
  CHECK(device::attention_splits(call, 132) == 1);
}

TEST_CASE("A call that contradicts itself is refused before anything is launched") {
  kernels::AttentionCall call;
  call.rows = call.q_heads = call.n_new = 1;
  call.kv_heads = 2;
  CHECK_THROWS_AS(device::attention(call, 1, nullptr, nullptr), std::invalid_argument);
}
