// Attention of a step over keys whose positions differ by head, with the mass of the keys where a policy wants it.
#pragma once
#include <kvern/abi/attention.h>
#include <kvern/sdk/buffer.hpp>
#include <kvern/sdk/create.hpp>
#include <kvern/sdk/mover.hpp>
#include <kvern/sdk/step.hpp>

#include "plugins/evicting/settings.hpp"

namespace kvern::evicting {

/// Mass of the keys of one layer in one step: of all observed queries together, or in a tentative step of each query apart.
class StepMass {
 public:
  /// Memory on a device, for a step of so many queries that are observed apart. Throws the host's failure.
  void reserve(const sdk::Host &host, int64_t planes, int64_t rows, int64_t heads, int64_t slots) {
    if (sdk::product(planes, rows, heads, slots) == 0) return;
    device_ = sdk::Scratch(host, -1, {kDLFloat, 32, 1}, {planes, rows, heads, slots});
    place_ = host.device();
  }
  /// Attention is about to be computed here.
  void start(const sdk::Mover &mover, int64_t planes, int64_t rows, int64_t heads, int64_t slots);
  /// The step has ended: of(...) is what was computed.
  void finish(const sdk::Mover &mover);
  void clear() {
    std::vector<float>().swap(mass_);
    device_ = sdk::Scratch();
  }

  bool is_known() const { return !mass_.empty(); }
  const float *of(int64_t plane, int64_t row, int64_t head) const {
    return mass_.data() + at(plane, row, head);
  }
  /// Where attention adds a row's mass [heads, slots].
  float *target(int64_t plane, int64_t row) {
    if (!device_) return mass_.data() + at(plane, row, 0);
    return reinterpret_cast<float *>(device_.write({0, plane, plane + 1})) + at(plane, row, 0);
  }

 private:
  int64_t at(int64_t plane, int64_t row, int64_t head) const {
    return ((plane * rows_ + row) * heads_ + head) * slots_;
  }
  int64_t size() const { return std::ssize(mass_); }

  int64_t rows_ = 0, heads_ = 0, slots_ = 0;
  std::vector<float> mass_;  // empty: attention was not computed here
  sdk::Scratch device_;      // the same, where attention adds to it
  DLDevice place_{};
};

/// One row of a request: its keys, and which of its columns are tokens of the text.
struct RowRequest {
  const kvern_attend &call;
  const DLTensor &k, &v;  ///< [rows, heads, slots, dim]
  int64_t row = 0, slots = 0;
  int64_t begin = 0, end = 0;        ///< columns
  int64_t first_position = 0;        ///< of column 0
  const int64_t *key_pos = nullptr;  ///< [heads, head_stride]
  int64_t head_stride = 0;
};

class Observer {
 public:
  Observer(const kvern_attention_1 &attention, const sdk::Create &create, const Settings &settings);

  /// Memory of a step. Throws the host's failure.
  void begin(const sdk::Step &step);
  void end() { sums_ = sdk::Scratch(); }

  /// Computes out (0 in columns that are no tokens) and lse, and the mass of the observed queries, if it was started.
  void attend(const RowRequest &request, bool tentative, StepMass &mass) const;

  const sdk::Mover &mover() const { return mover_; }

 private:
  void attend_columns(const RowRequest &request, int64_t begin, int64_t end, float *mass) const;
  void clear_columns(const RowRequest &request, int64_t begin, int64_t end) const;
  void copy_lse(const DLTensor &from, const RowRequest &request, int64_t begin) const;

  const kvern_attention_1 &attention_;
  sdk::Host host_;
  sdk::Mover mover_;
  Settings settings_;
  int64_t q_heads_ = 1;
  sdk::Scratch sums_;  // of the open step: log-sum-exp of one row
};

}  // namespace kvern::evicting
