#include "runtime/models/layers/relative_bias.hpp"

#include <algorithm>
#include <cmath>

namespace kvern::models {
namespace {

int64_t key_position(const BiasPositions &p, int64_t row, int64_t key) {
  return p.key_pos ? p.key_pos[row * p.row_stride + key] : p.first_pos[row] + key;
}

bool rows_alike(const BiasPositions &p) {
  for (int64_t r = 1; r < p.rows; ++r) {
    if (!std::equal(p.q_pos, p.q_pos + p.n_new, p.q_pos + r * p.n_new)) return false;
    if (!p.key_pos && p.first_pos[r] != p.first_pos[0]) return false;
    for (int64_t j = 0; p.key_pos && j < p.kv_len; ++j)
      if (key_position(p, r, j) != key_position(p, 0, j)) return false;
  }
  return true;
}

}  // namespace

// The arithmetic is transformers': float32.
int64_t relative_bucket(int64_t distance, const RelativeBiasConfig &config) {
  const int64_t buckets = config.bidirectional ? config.buckets / 2 : config.buckets;
  const int64_t side = config.bidirectional && distance > 0 ? buckets : 0;
  const int64_t d = config.bidirectional ? std::abs(distance) : std::max<int64_t>(-distance, 0);
  const int64_t exact = buckets / 2;
  if (d < exact) return side + d;
  const auto range =
      static_cast<float>(std::log(static_cast<double>(config.max_distance) / static_cast<double>(exact)));
  const float log = std::log(static_cast<float>(d) / static_cast<float>(exact)) / range;
  const auto beyond = static_cast<int64_t>(log * static_cast<float>(buckets - exact));
  return side + std::min(exact + beyond, buckets - 1);
}

RelativeBias::RelativeBias(const Weight &table, const RelativeBiasConfig &config)
    : heads_(table.shape[1]), reach_(std::max(config.max_distance, config.buckets)) {
  for (int64_t h = 0; h < heads_; ++h)
    for (int64_t d = -reach_; d <= reach_; ++d)
      table_.push_back(
          kernels::load_element(table.data, table.dtype, relative_bucket(d, config) * heads_ + h));
}

float RelativeBias::at(int64_t head, int64_t distance) const {
  const int64_t d = std::clamp(distance, -reach_, reach_);
  return table_[static_cast<size_t>(head * (2 * reach_ + 1) + d + reach_)];
}

BiasView RelativeBias::operator()(const BiasPositions &p, std::vector<float> &memory) const {
  const int64_t rows = rows_alike(p) ? 1 : p.rows;
  memory.resize(static_cast<size_t>(rows * heads_ * p.n_new * p.kv_len));
  float *out = memory.data();
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t h = 0; h < heads_; ++h)
      for (int64_t i = 0; i < p.n_new; ++i)
        for (int64_t j = 0; j < p.kv_len; ++j)
          *out++ = at(h, key_position(p, r, j) - p.q_pos[r * p.n_new + i]);
  const int64_t row = heads_ * p.n_new * p.kv_len;
  return {memory.data(), {rows, heads_, p.n_new, p.kv_len}, {row, p.n_new * p.kv_len, p.kv_len, 1}};
}

}  // namespace kvern::models
