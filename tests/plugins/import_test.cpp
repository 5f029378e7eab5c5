// One cache filled from another: what `dynamic` returns, given to a cache of another kind in a step of its own. Rows are
// padded on the left, and layers bring only what is still needed of them.
#include "tests/conformance/check_rules.hpp"

using namespace kvern::conformance;

namespace {

/// The last `count` tokens of a tensor [B, H, T, D]; `shape` lives as long as the result is used.
DLTensor last_tokens(DLTensor tensor, int64_t count, std::vector<int64_t> &shape) {
  shape.assign(tensor.shape, tensor.shape + 4);
  tensor.byte_offset += static_cast<uint64_t>((shape[2] - count) * tensor.strides[2] * tensor.dtype.bits / 8);
  shape[2] = count;
  tensor.shape = shape.data();
  return tensor;
}

kvern_step step_of(const CacheHarness &harness, std::vector<int64_t> &positions, int64_t n, uint32_t flags) {
  positions.clear();
  for (const Row &row : harness.rows) positions.push_back(n > 0 ? -row.pad : row.next());
  kvern_step step{};
  step.struct_size = sizeof step;
  step.flags = flags;
  step.rows = static_cast<int64_t>(harness.rows.size());
  step.n_new = n;
  step.row_pos = positions.data();
  return step;
}

void require_ok(CacheHarness &harness, kvern_status status) {
  INFO(harness.subject.name << ": " << harness.error.message);
  REQUIRE(status == KVERN_OK);
}

/// Fills `to`, which is empty, with what `from` holds. Layer l brings its last given[l] tokens.
void import(CacheHarness &from, CacheHarness &to, const std::vector<int64_t> &given) {
  const auto columns = static_cast<int64_t>(from.rows[0].tokens.size());
  std::vector<int64_t> read_pos, write_pos, k_shape, v_shape;
  const kvern_step reads = step_of(from, read_pos, 0, 0),
                   writes = step_of(from, write_pos, columns, KVERN_STEP_IMPORT);
  require_ok(from, from.ops().begin(from.cache, &reads, &from.error));
  require_ok(to, to.ops().begin(to.cache, &writes, &to.error));
  for (int layer = 0; layer < static_cast<int>(given.size()); ++layer) {
    DLTensor all_k, all_v;
    require_ok(from, from.ops().update(from.cache, layer, nullptr, nullptr, &all_k, &all_v, &from.error));
    REQUIRE(all_k.shape[2] == columns);
    const DLTensor k = last_tokens(all_k, given[layer], k_shape),
                   v = last_tokens(all_v, given[layer], v_shape);
    require_ok(to, to.ops().update(to.cache, layer, &k, &v, nullptr, nullptr, &to.error));
  }
  require_ok(from, from.ops().end(from.cache, 0, &from.error));
  require_ok(to, to.ops().end(to.cache, columns, &to.error));
  to.rows = from.rows;
}

constexpr int kWindow = 6;

/// Imports so many tokens, the rows padded, and goes on with both caches.
void check_import(Subject to, int64_t tokens) {
  to.layers = {attention_layer(kWindow), attention_layer(), attention_layer()};
  FullHost host;
  const Subject dynamic = subject_of("dynamic", to.layers);
  CacheHarness source(dynamic, host, 1), target(to, host, 2);
  source.rows.assign(2, Row{});
  source.rows[0].pad = 3;
  source.rows[1].pad = 5;
  REQUIRE(source.step({{tokens, tokens}, StepPlan::kAll, {}, -1, 0, {}}) == Outcome::done);
  // the window's tokens; all but the padding that the rows have in common; all
  import(source, target, {kWindow, tokens - 3, tokens});
  CHECK(target.info().tokens == source.info().tokens);
  for (int i = 0; i < 4; ++i) {
    INFO(to.name << ", step " << i);
    CHECK_NOTHROW(source.step(2));
    CHECK_NOTHROW(target.step(2));
  }
}

}  // namespace

TEST_CASE("a cache is filled from dynamic, its rows padded and its layers as short as they may be") {
  for (const char *name : {"dynamic", "static", "quantized", "paged", "batching", "tiny_paged"}) {
    Subject to = subject_of(name, {});
    to.max_tokens = 64;
    check_import(to, 20);
  }
}

TEST_CASE("what is imported into quantized is packed as what came token by token") {
  Subject to = subject_of("quantized", {});
  kvern_option bits{}, residual{};
  bits.struct_size = residual.struct_size = sizeof bits;
  bits.type = residual.type = KVERN_INT;
  bits.key = "nbits";
  bits.i = 8;
  residual.key = "residual_length";
  to.options = {&bits, &residual};
  to.tolerance = 0.03;
  check_import(to, 300);
}

TEST_CASE("an import that leaves out what a row still needs is refused") {
  for (const char *name : {"dynamic", "quantized", "paged", "tiny_paged"}) {
    const std::vector<kvern_layer> layers{attention_layer(kWindow)};
    const Subject dynamic = subject_of("dynamic", layers), to = subject_of(name, layers);
    FullHost host;
    CacheHarness source(dynamic, host, 1), target(to, host, 2);
    source.rows.assign(1, Row{});
    REQUIRE(source.step(20) == Outcome::done);
    std::vector<int64_t> read_pos, write_pos, shape;
    const kvern_step reads = step_of(source, read_pos, 0, 0),
                     writes = step_of(source, write_pos, 20, KVERN_STEP_IMPORT);
    require_ok(source, source.ops().begin(source.cache, &reads, &source.error));
    require_ok(target, target.ops().begin(target.cache, &writes, &target.error));
    DLTensor k, v;
    require_ok(source, source.ops().update(source.cache, 0, nullptr, nullptr, &k, &v, &source.error));
    const DLTensor few = last_tokens(k, kWindow - 2, shape);
    CHECK(target.ops().update(target.cache, 0, &few, &few, nullptr, nullptr, &target.error) ==
          KVERN_INVALID_ARGUMENT);
    CHECK(std::string(target.error.message).find("position 15") != std::string::npos);
    require_ok(target, target.ops().end(target.cache, 0, &target.error));
    require_ok(source, source.ops().end(source.cache, 0, &source.error));
  }
}
