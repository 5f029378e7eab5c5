// Attention of a step over keys whose positions differ by head, with the mass of the keys where a policy wants it.
#pragma once
#include <kvern/sdk/host_attention.hpp>

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
  const kvern_view &view;
  const DLTensor &k, &v;  ///< [rows, heads, kv_len, dim]
  int64_t row = 0;
  int64_t begin = 0, end = 0;  ///< columns
};

class Observer {
 public:
  Observer(const sdk::Create &create, const Settings &settings)
      : attention_(create, settings.needs_mass()), mover_(create.host), settings_(settings) {}

  /// Memory of a step. Throws the host's failure.
  void begin(const sdk::Step &step) { attention_.begin(step); }
  void end() { attention_.end(); }

  /// Computes out (0 in columns that are no tokens) and lse, and the mass of the observed queries, if it was started.
  void attend(const RowRequest &request, bool tentative, StepMass &mass) const;

  const sdk::Mover &mover() const { return mover_; }

 private:
  void attend_columns(const RowRequest &request, int64_t begin, int64_t end, float *mass) const {
    attention_.run(request.call, {request.row, begin, end}, request.view, request.k, request.v, mass);
  }

  sdk::HostAttention attention_;
  sdk::Mover mover_;
  Settings settings_;
};

}  // namespace kvern::evicting
