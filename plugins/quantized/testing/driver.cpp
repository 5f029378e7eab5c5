#include "plugins/quantized/testing/driver.hpp"

#include <cmath>
#include <cstring>

namespace kvern::quantized_testing {

TestTensor read(const DLTensor &tensor) {
  TestTensor numbers(tensor.shape[0], tensor.shape[1], tensor.shape[2], tensor.shape[3]);
  const char *data = static_cast<const char *>(tensor.data) + tensor.byte_offset;
  for (int64_t b = 0; b < tensor.shape[0]; ++b) {
    for (int64_t h = 0; h < tensor.shape[1]; ++h) {
      for (int64_t t = 0; t < tensor.shape[2]; ++t) {
        for (int64_t d = 0; d < tensor.shape[3]; ++d) {
          const int64_t i = b * tensor.strides[0] + h * tensor.strides[1] + t * tensor.strides[2] + d;
          float value = 0;
          if (tensor.dtype.bits == 32) {
            std::memcpy(&value, data + i * 4, 4);
          } else {
            uint16_t bits;
            std::memcpy(&bits, data + i * 2, 2);
            const uint32_t wide = uint32_t{bits} << 16;
            std::memcpy(&value, &wide, 4);
          }
          numbers.at(b, h, t, d) = value;
        }
      }
    }
  }
  return numbers;
}

Driver::Driver(const Shape &shape, const Options &options, TestHost &host, uint64_t seed)
    : shape(shape), next(static_cast<std::size_t>(shape.rows), 0), engine_(seed) {
  error.struct_size = sizeof error;
  kvern_layer layer = attention_layer();
  layer.q_heads = shape.q_heads;
  layer.kv_heads = shape.kv_heads;
  layer.head_dim_k = layer.head_dim_v = shape.dim;
  Subject subject =
      subject_of("quantized", std::vector<kvern_layer>(static_cast<std::size_t>(shape.layers), layer));
  if (shape.bf16) subject.type = {kDLBfloat, 16, 1};
  for (const kvern_option &option : options.all) subject.options.push_back(&option);
  std::string message;
  expect(make_cache(subject, host, &cache, &message) == KVERN_OK, message);
}

Driver::~Driver() { cache->ops->destroy(cache); }

void Driver::require(kvern_status status) { expect(status == KVERN_OK, error.message); }

kvern_info Driver::info(int layer) {
  kvern_info info{};
  info.struct_size = sizeof info;
  require(ops().info(cache, layer, &info, &error));
  return info;
}

kvern_step Driver::begin(int64_t n) {
  kvern_step step{};
  step.struct_size = sizeof step;
  step.rows = static_cast<int64_t>(next.size());
  step.n_new = n;
  step.row_pos = next.data();
  require(ops().begin(cache, &step, &error));
  return step;
}

void Driver::fill(std::vector<char> &bytes, int64_t n) {
  const int64_t count = static_cast<int64_t>(next.size()) * shape.kv_heads * n * shape.dim;
  bytes.resize(static_cast<std::size_t>(count * (shape.bf16 ? 2 : 4)));
  for (int64_t i = 0; i < count; ++i) {
    const float value = normal_(engine_);
    if (shape.bf16) {
      std::memcpy(bytes.data() + i * 2, reinterpret_cast<const char *>(&value) + 2, 2);
    } else {
      std::memcpy(bytes.data() + i * 4, &value, 4);
    }
  }
}

DLTensor Driver::given(std::vector<char> &bytes, int64_t (&dims)[4], int64_t n) {
  fill(bytes, n);
  dims[0] = static_cast<int64_t>(next.size()), dims[1] = shape.kv_heads, dims[2] = n, dims[3] = shape.dim;
  const DLDataType type = shape.bf16 ? DLDataType{kDLBfloat, 16, 1} : DLDataType{kDLFloat, 32, 1};
  return {bytes.data(), {kDLCPU, 0}, 4, type, dims, nullptr, 0};
}

void Driver::step(int64_t n, bool attend) {
  begin(n);
  for (int layer = 0; layer < shape.layers; ++layer) {
    int64_t k_dims[4], v_dims[4];
    const DLTensor k = given(k_bytes_, k_dims, n), v = given(v_bytes_, v_dims, n);
    if (!attend) {
      require(ops().update(cache, layer, &k, &v, nullptr, nullptr, &error));
      continue;
    }
    int64_t q_dims[4] = {k_dims[0], shape.q_heads, n, shape.dim};
    q_.assign(static_cast<std::size_t>(q_dims[0] * q_dims[1] * n * shape.dim), 0.5f);
    out_.resize(q_.size());
    DLTensor q{q_.data(), {kDLCPU, 0}, 4, {kDLFloat, 32, 1}, q_dims, nullptr, 0}, out = q;
    out.data = out_.data();
    kvern_attend request{};
    request.struct_size = sizeof request;
    request.layer = layer;
    request.causal = 1;
    request.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(shape.dim)));
    request.q = &q, request.k = &k, request.v = &v, request.out = &out;
    require(ops().attend(cache, &request, &error));
  }
  require(ops().end(cache, n, &error));
  for (int64_t &position : next) position += n;
}

Driver::StepOutput Driver::answer(int64_t n) {
  const auto rows = static_cast<int64_t>(next.size());
  TestTensor q(rows, shape.q_heads, n, shape.dim), out(rows, shape.q_heads, n, shape.dim);
  for (float &value : q.data) value = normal_(engine_);
  begin(n);
  int64_t k_dims[4], v_dims[4];
  const DLTensor k = given(k_bytes_, k_dims, n), v = given(v_bytes_, v_dims, n), q_tensor = q.tensor();
  DLTensor out_tensor = out.tensor();
  kvern_attend request{};
  request.struct_size = sizeof request;
  request.causal = 1;
  request.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(shape.dim)));
  request.q = &q_tensor, request.k = &k, request.v = &v, request.out = &out_tensor;
  require(ops().attend(cache, &request, &error));
  DLTensor all_k, all_v;
  require(ops().update(cache, 0, nullptr, nullptr, &all_k, &all_v, &error));
  KeysAndValues all{read(all_k), read(all_v)};
  require(ops().end(cache, n, &error));
  for (int64_t &position : next) position += n;
  return {std::move(q), std::move(out), std::move(all)};
}

KeysAndValues Driver::read_all(int layer) {
  begin(0);
  DLTensor k, v;
  require(ops().update(cache, layer, nullptr, nullptr, &k, &v, &error));
  KeysAndValues all{read(k), read(v)};
  require(ops().end(cache, 0, &error));
  return all;
}

}  // namespace kvern::quantized_testing
