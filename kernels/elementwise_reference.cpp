// Reference implementations of elementwise.cpp.
#include "kernels/elementwise_reference.hpp"

#include <cmath>
#include <vector>

namespace kvern::kernels {
namespace {

std::vector<double> take_row(const NormCall &c, int64_t row) {
  std::vector<double> x(static_cast<size_t>(c.dim));
  for (int64_t i = 0; i < c.dim; ++i) {
    float value = c.x[row * c.x_stride + i];
    if (c.residual) value = c.residual[row * c.residual_stride + i] += value;
    x[i] = value;
  }
  return x;
}

void put_row(const NormCall &c, int64_t row, const std::vector<double> &x, double mean, double factor,
             bool bias) {
  for (int64_t i = 0; i < c.dim; ++i) {
    double weight =
        c.weight_offset + (c.weight ? load_element(c.weight, c.weight_type, i) : 1.0 - c.weight_offset);
    double y = (x[i] - mean) * factor * weight;
    if (bias && c.bias) y += load_element(c.bias, c.bias_type, i);
    c.out[row * c.out_stride + i] = static_cast<float>(y);
  }
}

}  // namespace

double activation_reference(Activation kind, double x) {
  switch (kind) {
    case Activation::silu:
      return x / (1.0 + std::exp(-x));
    case Activation::gelu_tanh:
      return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::gelu:
      return 0.5 * x * (1.0 + std::erf(x * M_SQRT1_2));
    case Activation::relu:
      return std::max(x, 0.0);
    case Activation::relu2:
      break;
  }
  return x > 0 ? x * x : 0.0;
}

void rms_norm_reference(const NormCall &c) {
  for (int64_t row = 0; row < c.rows; ++row) {
    std::vector<double> x = take_row(c, row);
    double squares = 0;
    for (double value : x) squares += value * value;
    put_row(c, row, x, 0.0, 1.0 / std::sqrt(squares / static_cast<double>(c.dim) + c.eps), false);
  }
}

void layer_norm_reference(const NormCall &c) {
  for (int64_t row = 0; row < c.rows; ++row) {
    std::vector<double> x = take_row(c, row);
    double sum = 0, squares = 0;
    for (double value : x) sum += value;
    double mean = sum / static_cast<double>(c.dim);
    for (double value : x) squares += (value - mean) * (value - mean);
    put_row(c, row, x, mean, 1.0 / std::sqrt(squares / static_cast<double>(c.dim) + c.eps), true);
  }
}

void activate_reference(const ActivationCall &c) {
  for (int64_t row = 0; row < c.rows; ++row) {
    for (int64_t i = 0; i < c.dim; ++i) {
      double y = activation_reference(c.activation, c.x[row * c.x_stride + i]);
      if (c.up) y *= c.up[row * c.up_stride + i];
      c.out[row * c.out_stride + i] = static_cast<float>(y);
    }
  }
}

void rotate_reference(const RotaryCall &c) {
  int64_t half = c.rotary_dim / 2;
  for (int64_t token = 0; token < c.tokens; ++token) {
    for (int64_t head = 0; head < c.heads; ++head) {
      float *x = c.x + token * c.token_stride + head * c.head_stride;
      for (int64_t i = 0; i < half; ++i) {
        float &a = x[c.interleaved ? 2 * i : i], &b = x[c.interleaved ? 2 * i + 1 : i + half];
        double cos = c.cos[token * half + i], sin = c.sin[token * half + i], a0 = a, b0 = b;
        a = static_cast<float>(a0 * cos - b0 * sin);
        b = static_cast<float>(b0 * cos + a0 * sin);
      }
    }
  }
}

void convert_reference(const ConvertCall &c) {
  for (int64_t row = 0; row < c.rows; ++row) {
    for (int64_t i = 0; i < c.dim; ++i) {
      store_element(c.to, c.to_type, row * c.to_stride + i,
                    load_element(c.from, c.from_type, row * c.from_stride + i));
    }
  }
}

void embed_reference(const EmbeddingCall &c) {
  for (int64_t i = 0; i < c.n; ++i) {
    for (int64_t d = 0; d < c.dim; ++d) {
      c.out[i * c.out_stride + d] = c.scale * load_element(c.table, c.type, c.ids[i] * c.table_stride + d);
    }
  }
}

int64_t argmax_reference(const float *x, int64_t n) {
  int64_t best = -1;
  for (int64_t i = 0; i < n; ++i) {
    if (!std::isnan(x[i]) && (best < 0 || x[i] > x[best])) best = i;
  }
  return best < 0 ? 0 : best;
}

}  // namespace kvern::kernels
