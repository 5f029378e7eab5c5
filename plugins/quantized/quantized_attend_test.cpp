// What `attend` says against attention over what `update` returns in the same step, for every way to pack.
#include <cmath>

#include "plugins/quantized/testing/driver.hpp"

using namespace kvern::quantized_testing;

namespace {

/// The largest difference of an answer from attention by its definition over the keys handed out with it.
double error_of(const Driver &driver, Driver::StepOutput &answer, const std::vector<int64_t> &first) {
  double worst = 0;
  const int64_t n = answer.q.shape[2], size = answer.all.k.shape[2];
  const int group = driver.shape.q_heads / driver.shape.kv_heads;
  for (int64_t r = 0; r < answer.q.shape[0]; ++r) {
    for (int h = 0; h < driver.shape.q_heads; ++h) {
      for (int64_t i = 0; i < n; ++i) {
        Softmax wanted(driver.shape.dim);
        for (int64_t j = first[static_cast<std::size_t>(r)]; j <= size - n + i; ++j) {
          double score = 0;
          for (int d = 0; d < driver.shape.dim; ++d) {
            score += static_cast<double>(answer.q.at(r, h, i, d)) * answer.all.k.at(r, h / group, j, d);
          }
          wanted.add(score / std::sqrt(static_cast<double>(driver.shape.dim)),
                     [&](int d) { return answer.all.v.at(r, h / group, j, d); });
        }
        for (int d = 0; d < driver.shape.dim; ++d) {
          worst = std::max(worst, std::abs(answer.out.at(r, h, i, d) - wanted[d]));
        }
      }
    }
  }
  return worst;
}

struct AttendPath {
  int64_t key_bits, value_bits, axis_key, axis_value, group;
  bool rotation;

  std::string text() const {
    return std::to_string(key_bits) + "/" + std::to_string(value_bits) + " bits, axes " +
           std::to_string(axis_key) + "/" + std::to_string(axis_value) + ", group " + std::to_string(group) +
           (rotation ? ", rotated" : "");
  }
};

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kEveryPair =
    false;  // where a sanitizer makes each one slow: one pair for every number of bits
#else
constexpr bool kEveryPair = true;
#endif

template <class Visit>
void each_way(Visit visit) {
  for (int64_t key_bits : {8, 4, 3, 2, 1}) {
    for (int64_t value_bits : {8, 4, 3, 2, 1}) {
      if (!kEveryPair && key_bits != value_bits) continue;
      for (int axes = 0; axes < 4; ++axes) {
        for (int64_t group : {16, 256}) {
          for (bool rotation : {false, true})
            visit(AttendPath{key_bits, value_bits, axes & 1, axes >> 1, group, rotation});
        }
      }
    }
  }
}

Options options_of(const AttendPath &way, const char *compute) {
  Options options;
  options.integer("key_nbits", way.key_bits).integer("value_nbits", way.value_bits);
  options.integer("axis_key", way.axis_key).integer("axis_value", way.axis_value);
  options.integer("q_group_size", way.group).integer("residual_length", 16);
  return options.boolean("rotation", way.rotation).string("compute_dtype", compute).string("search", "none");
}

double worst_error(const AttendPath &way, const char *compute) {
  const Options options = options_of(way, compute);
  FullHost host;
  Driver driver({1, 2, 4, 2, 32, false}, options, host);
  driver.next = {-3, 0};  // row 0 is padded
  driver.step(300);
  driver.step(1);
  double worst = 0;
  for (int64_t n : {1, 9}) {
    Driver::StepOutput answer = driver.answer(n);
    worst = std::max(worst, error_of(driver, answer, {3, 0}));
  }
  return worst;
}

}  // namespace

TEST_CASE("attend equals attention over what update returns, whatever the bits, axes, groups and rotation") {
  each_way([](const AttendPath &way) {
    INFO(way.text());
    CHECK(worst_error(way, "float32") < 1e-4);
  });
}

TEST_CASE("attend in integers stays within their rounding of what update returns") {
  each_way([](const AttendPath &way) {
    if (way.rotation) return;
    INFO(way.text());
    // keys of one bit are as long as their group's longest: the weights they give are rounded more
    CHECK(worst_error(way, "auto") < (way.key_bits == 1 ? 0.1 : 0.03));
  });
}

TEST_CASE("attend unpacks to 16 bits where it is asked to") {
  for (const char *compute : {"bfloat16", "float16"}) {
    INFO(compute);
    CHECK(worst_error({4, 4, 0, 0, 64, false}, compute) < 0.03);
  }
}

TEST_CASE("attend takes a bias, a softcap and sinks, and counts the sinks once") {
  Options options;
  options.integer("nbits", 8).integer("residual_length", 16).string("compute_dtype", "float32");
  FullHost host;
  Driver driver({1, 1, 4, 2, 32, false}, options, host);
  driver.step(200);
  KeysAndValues all = driver.read_all();
  std::vector<float> q(4 * 32, 0.7f), out(4 * 32), bias(201), sinks{0.5f, 1.0f, -1.0f, 3.0f};
  for (std::size_t j = 0; j < 200; ++j) bias[j] = static_cast<float>(j % 7) * 0.3f;
  bias[200] = -1e30f;  // the new token itself
  int64_t q_dims[4] = {1, 4, 1, 32}, bias_dims[4] = {1, 1, 1, 201}, sinks_dims[1] = {4};
  const DLDataType single{kDLFloat, 32, 1};
  const DLTensor q_tensor{q.data(), {kDLCPU, 0}, 4, single, q_dims, nullptr, 0};
  const DLTensor bias_tensor{bias.data(), {kDLCPU, 0}, 4, single, bias_dims, nullptr, 0};
  const DLTensor sinks_tensor{sinks.data(), {kDLCPU, 0}, 1, single, sinks_dims, nullptr, 0};
  DLTensor out_tensor = q_tensor;
  out_tensor.data = out.data();
  std::vector<float> fresh(2 * 32, 0.0f);
  int64_t k_dims[4] = {1, 2, 1, 32};
  const DLTensor k{fresh.data(), {kDLCPU, 0}, 4, single, k_dims, nullptr, 0};
  kvern_step step{};
  step.struct_size = sizeof step;
  step.rows = 1;
  step.n_new = 1;
  step.row_pos = driver.next.data();
  driver.require(driver.ops().begin(driver.cache, &step, &driver.error));
  kvern_attend request{};
  request.struct_size = sizeof request;
  request.causal = 1;
  request.scale = 0.3f;
  request.softcap = 5.0f;
  request.q = &q_tensor, request.k = &k, request.v = &k, request.out = &out_tensor;
  request.bias = &bias_tensor;
  request.sinks = &sinks_tensor;
  driver.require(driver.ops().attend(driver.cache, &request, &driver.error));
  driver.require(driver.ops().end(driver.cache, 0, &driver.error));
  for (int h = 0; h < 4; ++h) {
    Softmax wanted(32);
    wanted.add(sinks[static_cast<std::size_t>(h)], [](int) { return 0.0; });
    for (int64_t j = 0; j < 200; ++j) {
      double score = 0;
      for (int d = 0; d < 32; ++d) score += 0.7 * all.k.at(0, h / 2, j, d);
      wanted.add(5 * std::tanh(score * 0.3 / 5) + bias[static_cast<std::size_t>(j)],
                 [&](int d) { return all.v.at(0, h / 2, j, d); });
    }
    for (int d = 0; d < 32; ++d)
      CHECK(std::abs(out[static_cast<std::size_t>(h * 32 + d)] - wanted[d]) < 1e-3);
  }
}
