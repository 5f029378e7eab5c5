// The verbs between steps. Steps are in harness_step.cpp.
#include "check/harness.hpp"

#include <algorithm>
#include <cstring>

namespace kvern::conformance {

void violated(const std::string &text, const char *rule) { throw Violation(text, rule); }

kvern_layer latent_layer(int32_t window) {
  kvern_layer layer = attention_layer(window);
  layer.flags = KVERN_VALUES_IN_KEYS;
  layer.kv_heads = 1;
  layer.head_dim_v = 6;
  return layer;
}

kvern_layer layer_of_kind(uint32_t kind) {
  kvern_layer layer{};
  layer.struct_size = sizeof layer;
  layer.kind = kind;
  layer.q_heads = 4;
  layer.kv_heads = 2;
  layer.head_dim_k = layer.head_dim_v = 8;
  layer.shares_layer = -1;
  return layer;
}

kvern_layer attention_layer(int32_t window) {
  kvern_layer layer = layer_of_kind(KVERN_LAYER_ATTENTION);
  layer.window = window;
  return layer;
}

kvern_layer state_layer() {
  static int64_t shape[1] = {kStateDim};
  static const DLTensor prototype{nullptr, {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, shape, nullptr, 0};
  kvern_layer layer = layer_of_kind(KVERN_LAYER_STATE);
  layer.n_states = 1;
  layer.state_prototypes = &prototype;
  return layer;
}

kvern_status make_cache(const Subject &subject, TestHost &host, kvern_cache **out, std::string *message) {
  host.set_layers(subject.layers);
  std::vector<const kvern_layer *> layers;
  for (const kvern_layer &layer : subject.layers) layers.push_back(&layer);
  kvern_create create{};
  create.struct_size = sizeof create;
  create.n_layers = static_cast<uint32_t>(layers.size());
  create.n_options = static_cast<uint32_t>(subject.options.size());
  create.layers = layers.data();
  create.options = subject.options.data();
  create.device = host.place();
  create.stream = host.stream();
  create.dtype = subject.type;
  create.max_tokens = subject.max_tokens;
  kvern_error error{};
  error.struct_size = sizeof error;
  const kvern_status status = watched_create(*subject.plugin, host.table(), &create, out, &error);
  if (message) *message = error.message;
  return status;
}

CacheHarness::CacheHarness(const Subject &subject, TestHost &host, uint64_t seed)
    : subject(subject), host(host), engine_(seed) {
  error.struct_size = sizeof error;
  std::string message;
  const kvern_status status = make_cache(subject, host, &cache, &message);
  expect(status == KVERN_OK, "create: " + message);
}

CacheHarness::CacheHarness(const Subject &subject, TestHost &host, uint64_t seed, kvern_cache *cache,
                           std::vector<Row> rows)
    : subject(subject), host(host), cache(cache), rows(std::move(rows)), engine_(seed) {
  error.struct_size = sizeof error;
}

CacheHarness::~CacheHarness() {
  const auto noted = [&](auto call) {
    try {
      call();
    } catch (const Violation &violation) {
      host.report(violation.what());
    }
  };
  noted([&] { settle(); });
  if (cache) noted([&] { ops().destroy(cache); });
}

int64_t CacheHarness::random(int64_t least, int64_t most) {
  return least + static_cast<int64_t>(engine_() % static_cast<uint64_t>(most - least + 1));
}

kvern_info CacheHarness::info(int layer) const {
  kvern_info info{};
  info.struct_size = sizeof info;
  const kvern_status status = ops().info(cache, layer, &info, &error);
  expect(status == KVERN_OK, std::string("info: ") + error.message);
  return info;
}

void CacheHarness::check_info() const {
  const kvern_info all = info();
  int64_t most = 0;
  bool keys = false;
  for (const kvern_layer &layer : subject.layers) keys |= layer.kind == KVERN_LAYER_ATTENTION;
  for (const Row &row : rows) most = std::max(most, row.next());
  if (subject.recompute) {
    expect(all.tokens == 0 && all.rows == 0, "a cache that keeps nothing reports tokens", kCounts);
  } else if (keys) {
    expect(all.tokens == most,
           "info.tokens is " + std::to_string(all.tokens) + ", fed were " + std::to_string(most), kCounts);
    const bool any =
        std::any_of(rows.begin(), rows.end(), [](const Row &row) { return !row.tokens.empty(); });
    if (any)
      expect(all.rows == static_cast<int64_t>(rows.size()), "info.rows is " + std::to_string(all.rows),
             kCounts);
  }
  int64_t sum = 0;
  for (std::size_t i = 0; i < subject.layers.size(); ++i) {
    const kvern_info one = info(static_cast<int>(i));
    sum += one.bytes_device + one.bytes_host;
  }
  expect(sum <= all.bytes_device + all.bytes_host, "info: the layers together hold more bytes than the whole",
         kCounts);
}

kvern_status CacheHarness::gather(const std::vector<int64_t> &order) {
  const kvern_status status = ops().gather(cache, order.data(), static_cast<int64_t>(order.size()), &error);
  leave();
  if (status != KVERN_OK) return status;
  const std::vector<Row> before = rows;
  rows.clear();
  for (int64_t row : order) rows.push_back(before[row]);
  return status;
}

kvern_status CacheHarness::truncate(const std::vector<int64_t> &row_pos) {
  const kvern_status status = ops().truncate(cache, row_pos.data(), &error);
  leave();
  if (status != KVERN_OK) return status;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const int64_t size = std::max<int64_t>(0, row_pos[r] + rows[r].pad);
    if (size < static_cast<int64_t>(rows[r].tokens.size()))
      rows[r].tokens.resize(static_cast<std::size_t>(size));
  }
  return status;
}

kvern_status CacheHarness::append(CacheHarness &from) {
  const kvern_status status = ops().append(cache, from.cache, &error);
  leave();
  if (status == KVERN_OK) rows.insert(rows.end(), from.rows.begin(), from.rows.end());
  return status;
}

std::unique_ptr<CacheHarness> CacheHarness::clone() {
  kvern_cache *copy = nullptr;
  const kvern_status status = ops().clone(cache, &copy, &error);
  leave();
  if (status == KVERN_OUT_OF_MEMORY) return nullptr;
  expect(status == KVERN_OK, std::string("clone: ") + error.message);
  return std::make_unique<CacheHarness>(subject, host, engine_(), copy, rows);
}

namespace {

struct Sink {
  std::string bytes;
};

int64_t sink_io(void *ctx, void *data, uint64_t size) {
  // takes at most 1000 bytes at a time, as a stream may
  const auto part = std::min<uint64_t>(size, 1000);
  static_cast<Sink *>(ctx)->bytes.append(static_cast<const char *>(data), part);
  return static_cast<int64_t>(part);
}

struct Source {
  const std::string &bytes;
  std::size_t at = 0;
};

int64_t source_io(void *ctx, void *data, uint64_t size) {
  auto &source = *static_cast<Source *>(ctx);
  const std::size_t part =
      std::min<std::size_t>({static_cast<std::size_t>(size), source.bytes.size() - source.at, 777});
  std::memcpy(data, source.bytes.data() + source.at, part);
  source.at += part;
  return static_cast<int64_t>(part);
}

}  // namespace

std::string CacheHarness::save() {
  Sink sink;
  const kvern_stream_io stream{sizeof(kvern_stream_io), 0, &sink, sink_io};
  const kvern_status status = ops().save(cache, &stream, &error);
  leave();
  expect(status == KVERN_OK, std::string("save: ") + error.message);
  return sink.bytes;
}

kvern_status CacheHarness::load(const std::string &bytes, std::string *message, std::size_t *read) {
  Source source{bytes};
  const kvern_stream_io stream{sizeof(kvern_stream_io), 0, &source, source_io};
  const kvern_status status = ops().load(cache, &stream, &error);
  leave();
  if (message) *message = error.message;
  if (read) *read = source.at;
  return status;
}

void CacheHarness::reset() {
  const kvern_status status = ops().reset(cache, &error);
  leave();
  expect(status == KVERN_OK, std::string("reset: ") + error.message);
  rows.clear();
}

}  // namespace kvern::conformance
