// Reference implementation of attention.cpp in double precision, one query and one key at a time.
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/attention_mass.hpp"

namespace kvern::kernels {
namespace {

struct Query {
  int64_t row, head, token;
};

int64_t key_position(const AttentionCall &c, const Query &q, int64_t j) {
  int64_t kv_head = q.head / (c.q_heads / c.kv_heads);
  if (c.key_pos) return c.key_pos[q.row * c.key_pos_row_stride + kv_head * c.key_pos_head_stride + j];
  return (c.first_pos ? c.first_pos[q.row] : 0) + j;
}

bool sees(const AttentionCall &c, const Query &q, int64_t j) {
  int64_t p = key_position(c, q, j);
  if (p < 0) return false;
  int64_t t = c.q_pos ? c.q_pos[q.row * c.n_new + q.token] : 0;
  if (c.causal && p > t) return false;
  return c.window == 0 || p < c.keep_first || p > t - c.window;
}

double logit(const AttentionCall &c, const Query &q, int64_t j) {
  int64_t kv_head = q.head / (c.q_heads / c.kv_heads);
  int64_t q0 = q.row * c.q_stride.row + q.head * c.q_stride.head + q.token * c.q_stride.pos;
  int64_t k0 = q.row * c.k_stride.row + kv_head * c.k_stride.head + j * c.k_stride.pos;
  double dot = 0;
  for (int64_t d = 0; d < c.dim_k; ++d) {
    dot += static_cast<double>(load_element(c.q, c.q_type, q0 + d)) * load_element(c.k, c.kv_type, k0 + d);
  }
  double x = dot * c.scale;
  if (c.softcap != 0) x = c.softcap * std::tanh(x / c.softcap);
  if (c.bias) {
    x += c.bias[q.row * c.bias_stride[0] + q.head * c.bias_stride[1] + q.token * c.bias_stride[2] +
                j * c.bias_stride[3]];
  }
  return x;
}

/// Adds the weights of the visible keys of one query to their mass.
void add_mass(const AttentionCall &c, const AttentionMass &mass, const Query &q,
              const std::vector<double> &logits, double top, double sum) {
  const int64_t kv_head = q.head / (c.q_heads / c.kv_heads);
  for (int64_t j = 0; j < c.kv_len; ++j) {
    if (!sees(c, q, j)) continue;
    mass.data[q.row * mass.row_stride + kv_head * mass.head_stride + j] +=
        static_cast<float>(std::exp(logits[j] - top) / sum);
  }
}

/// Accumulates weights and weighted values of the visible keys of one query; returns the log of the sum.
double attend(const AttentionCall &c, const Query &q, std::vector<double> &out, const AttentionMass *mass) {
  std::vector<double> logits(static_cast<size_t>(c.kv_len));
  double top = c.sinks ? c.sinks[q.head] : -std::numeric_limits<double>::infinity();
  for (int64_t j = 0; j < c.kv_len; ++j) {
    if (!sees(c, q, j)) continue;
    logits[j] = logit(c, q, j);
    top = std::max(top, logits[j]);
  }
  double sum = c.sinks ? std::exp(c.sinks[q.head] - top) : 0.0;
  int64_t kv_head = q.head / (c.q_heads / c.kv_heads);
  for (int64_t j = 0; j < c.kv_len; ++j) {
    if (!sees(c, q, j)) continue;
    double weight = std::exp(logits[j] - top);
    sum += weight;
    int64_t v0 = q.row * c.v_stride.row + kv_head * c.v_stride.head + j * c.v_stride.pos;
    for (int64_t d = 0; d < c.dim_v; ++d) out[d] += weight * load_element(c.v, c.kv_type, v0 + d);
  }
  if (sum == 0) return -std::numeric_limits<double>::infinity();
  for (double &x : out) x /= sum;
  if (mass) add_mass(c, *mass, q, logits, top, sum);
  return top + std::log(sum);
}

void write(const AttentionCall &c, const Query &q, const std::vector<double> &part, double part_lse) {
  int64_t lse_at = (q.row * c.q_heads + q.head) * c.n_new + q.token;
  int64_t out_at = q.row * c.out_stride.row + q.head * c.out_stride.head + q.token * c.out_stride.pos;
  double lse = part_lse, part_share = 1, old_share = 0;
  if (c.merge && c.lse[lse_at] != -std::numeric_limits<float>::infinity()) {
    double old = c.lse[lse_at], top = std::max(old, part_lse);
    lse = top + std::log(std::exp(old - top) + std::exp(part_lse - top));
    old_share = std::exp(old - lse);
    part_share = std::exp(part_lse - lse);
  }
  for (int64_t d = 0; d < c.dim_v; ++d) {
    double x = part_share * part[d];
    if (c.merge && old_share != 0) x += old_share * load_element(c.out, c.out_type, out_at + d);
    store_element(c.out, c.out_type, out_at + d, static_cast<float>(x));
  }
  if (c.lse) c.lse[lse_at] = static_cast<float>(lse);
}

void run(const AttentionCall &call, const AttentionMass *mass) {
  for (int64_t row = 0; row < call.rows; ++row) {
    for (int64_t head = 0; head < call.q_heads; ++head) {
      for (int64_t token = 0; token < call.n_new; ++token) {
        Query query{row, head, token};
        std::vector<double> out(static_cast<size_t>(call.dim_v), 0.0);
        double lse = attend(call, query, out, mass);
        write(call, query, out, lse);
      }
    }
  }
}

}  // namespace

void attention_reference(const AttentionCall &call) { run(call, nullptr); }

void attention_with_mass_reference(const AttentionCall &call, const AttentionMass &mass) { run(call, &mass); }

}  // namespace kvern::kernels
