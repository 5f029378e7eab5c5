// Drives a quantized cache in tests of what only this plugin promises: its options, and rows of normally distributed keys and
// values. It compares nothing itself.
#pragma once
#include <random>

#include "tests/conformance/check_rules.hpp"

namespace kvern::quantized_testing {

using namespace kvern::conformance;

/// Options and their texts, owned.
struct Options {
  std::vector<kvern_option> all;

  Options &integer(const char *key, int64_t value) { return add(key, KVERN_INT, value, ""); }
  Options &boolean(const char *key, bool value) { return add(key, KVERN_BOOL, value, ""); }
  Options &string(const char *key, const char *value) { return add(key, KVERN_STRING, 0, value); }

 private:
  Options &add(const char *key, int32_t type, int64_t i, const char *s) {
    kvern_option option{};
    option.struct_size = sizeof option;
    option.type = type;
    option.key = key;
    option.i = i;
    option.s = s;
    all.push_back(option);
    return *this;
  }
};

struct Shape {
  int layers = 1, rows = 1, q_heads = 4, kv_heads = 2, dim = 32;
  bool bf16 = false;
};

/// A tensor [B, H, T, D] of the test's own.
struct TestTensor {
  TestTensor(int64_t b, int64_t h, int64_t t, int64_t d)
      : shape{b, h, t, d}, data(static_cast<std::size_t>(b * h * t * d)) {}

  float &at(int64_t b, int64_t h, int64_t t, int64_t d) {
    return data[static_cast<std::size_t>(((b * shape[1] + h) * shape[2] + t) * shape[3] + d)];
  }
  DLTensor tensor() { return {data.data(), {kDLCPU, 0}, 4, {kDLFloat, 32, 1}, shape, nullptr, 0}; }
  bool operator==(const TestTensor &other) const {
    return std::equal(shape, shape + 4, other.shape) && data == other.data;
  }

  int64_t shape[4];
  std::vector<float> data;
};

struct KeysAndValues {
  TestTensor k, v;
};

/// What a tensor of float32 or bfloat16 that a cache handed out holds.
TestTensor read(const DLTensor &tensor);

class Driver {
 public:
  /// Throws Violation if the cache cannot be made.
  Driver(const Shape &shape, const Options &options, TestHost &host, uint64_t seed = 1);
  ~Driver();
  Driver(const Driver &) = delete;

  /// One step of n tokens in every row, all layers; `attend`: through attention, else stored only.
  void step(int64_t n, bool attend = false);
  /// One step of n tokens of layer 0; out [rows, q_heads, n, dim], and what update returns in the same step.
  struct StepOutput {
    TestTensor q, out;
    KeysAndValues all;
  };
  StepOutput answer(int64_t n);
  /// All keys and values of a layer, in a step that only reads.
  KeysAndValues read_all(int layer = 0);
  kvern_info info(int layer = -1);

  void require(kvern_status status);
  const kvern_cache_ops &ops() const { return *cache->ops; }

  Shape shape;
  kvern_cache *cache = nullptr;
  std::vector<int64_t> next;  ///< position of each row's next token
  kvern_error error{};

 private:
  /// For a clone, a loaded cache and the like there are only cache and next.
  kvern_step begin(int64_t n);
  void fill(std::vector<char> &bytes, int64_t n);
  DLTensor given(std::vector<char> &bytes, int64_t (&dims)[4], int64_t n);

  std::mt19937_64 engine_;
  std::normal_distribution<float> normal_;
  std::vector<char> k_bytes_, v_bytes_;
  std::vector<float> q_, out_;
};

}  // namespace kvern::quantized_testing
