// A step in progress of a CacheHarness, and the tensors that it lends to the cache. Private to the harness.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <list>

#include "check/harness.hpp"
#include "check/tensor_view.hpp"

namespace kvern::conformance {

/// A tensor [B, H, T, D] of the test, in memory [B, T, H, D] as a projection writes it; NaN when it is destroyed.
class Tensor4 {
 public:
  Tensor4(DLDataType type, int64_t b, int64_t h, int64_t t, int64_t d)
      : bytes_(static_cast<std::size_t>(b * h * t * d * type.bits / 8), 0),
        shape_{b, h, t, d},
        strides_{h * t * d, d, h * d, 1} {
    dl = {bytes_.data(), {kDLCPU, 0}, 4, type, shape_, strides_, 0};
  }
  Tensor4(const Tensor4 &) = delete;
  ~Tensor4() { poison(); }
  void poison() { std::fill(bytes_.begin(), bytes_.end(), static_cast<char>(0xFF)); }
  DLTensor dl;

 private:
  std::vector<char> bytes_;
  int64_t shape_[4], strides_[4];
};

/// Where an element lies; its text is made only for a violation, since every element of every step is compared.
struct Place {
  int layer;
  int64_t row, head, column;
};

inline void expect(bool holds, const char *what, const Place &at, const char *rule = "") {
  if (holds) return;
  violated(what + (" (layer " + std::to_string(at.layer)) + ", row " + std::to_string(at.row) + ", head " +
               std::to_string(at.head) + ", column " + std::to_string(at.column) + ")",
           rule);
}

/// Memory on the device that a step lends to the cache, given back in the order of the main stream.
class Uploaded {
 public:
  Uploaded(SimulatedDevice &device, const DLTensor &from) : device_(device), data_(device.upload(from)) {
    dl = from;
    dl.device = SimulatedDevice::kDevice;
    dl.data = data_;
    dl.strides = nullptr;
  }
  Uploaded(const Uploaded &) = delete;
  ~Uploaded() { device_.give_back(data_); }
  DLTensor dl;

 private:
  SimulatedDevice &device_;
  std::byte *data_;
};

struct CacheHarness::ViewedKeys {
  const kvern_view &view;
  const DLTensor &k, &v;
  int64_t window;  ///< 0: everything
};

struct CacheHarness::Open {
  kvern_step step{};
  std::vector<int64_t> pos, count, row_cross;  // by row, as in the step
  std::vector<Row> fed;                        // the rows with the step's tokens
  std::list<Tensor4> borrowed;                 // of the layer at work
  std::list<Uploaded> uploaded;                // the same on a device
  bool ragged = false;

  DLTensor &borrow(DLDataType type, int64_t heads, int64_t tokens, int64_t dim) {
    return borrowed.emplace_back(type, step.rows, heads, tokens, dim).dl;
  }
  /// The memory stays, in `kept`: what a cache reads of it later is wrong, and no crash.
  void give_back(std::vector<std::shared_ptr<void>> &kept, bool poison) {
    uploaded.clear();
    if (borrowed.empty()) return;
    for (Tensor4 &tensor : borrowed)
      if (poison) tensor.poison();
    auto list = std::make_shared<std::list<Tensor4>>();
    list->swap(borrowed);
    kept.push_back(std::move(list));
  }
  int64_t query_position(const kvern_view &view, int64_t row, int64_t i) const {
    return view.q_pos ? view.q_pos[row * step.n_new + i] : pos[row] + i;
  }
  uint32_t token(int64_t row, int64_t i) const {
    if (i >= count[row]) return 77;
    return fed[row].tokens[static_cast<std::size_t>(pos[row] + fed[row].pad + i)];
  }
};

/// Compares what attend wrote with wanted(row, head, query), a Softmax, but where skipped(row, query). Returns the number of elements.
template <class Open, class Skipped, class Wanted>
int64_t compare_queries(const Subject &subject, int layer, const Open &open, const DLTensor &out,
                        const float *lse, const char *with, const Skipped &skipped, const Wanted &wanted) {
  const kvern_layer &shape = subject.layers[layer];
  int64_t elements = 0;
  for (int64_t r = 0; r < open.step.rows; ++r) {
    for (int64_t i = 0; i < open.count[r]; ++i) {
      if (skipped(r, i)) continue;
      for (int h = 0; h < shape.q_heads; ++h) {
        const Place where{layer, r, h, open.pos[r] + open.fed[r].pad + i};
        const Softmax right = wanted(r, h, i);
        for (int d = 0; d < shape.head_dim_v; ++d)
          expect(std::abs(at(out, r, h, i, d) - right[d]) <= subject.tolerance, with, where, kRightKeys);
        elements += shape.head_dim_v;
        if (!lse) continue;
        const double sum = right.log_sum_exp();
        const float given = lse[(r * shape.q_heads + h) * open.step.n_new + i];
        const bool same = std::isinf(sum) ? std::isinf(given) && given < 0
                                          : std::abs(given - sum) < 1e-3 + subject.tolerance;
        expect(same, "attend gives a wrong log-sum-exp", where, kRightKeys);
      }
    }
  }
  return elements;
}

}  // namespace kvern::conformance
