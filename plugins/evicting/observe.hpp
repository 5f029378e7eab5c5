// Attention of a step over keys whose positions differ by head, with the mass of the keys where a policy wants it.
#pragma once
#include <kvern/abi/attention.h>
#include <kvern/sdk/step.hpp>

#include "plugins/evicting/settings.hpp"

namespace kvern::evicting {

/// Mass of the keys of one layer in one step: of all observed queries together, or in a tentative step of each query apart.
struct StepMass {
  int64_t planes = 0, heads = 0, slots = 0, rows = 0;
  std::vector<float> mass{};  ///< [planes, rows, heads, slots]; empty: attention was not computed here

  void reset(int64_t n_planes, int64_t n_rows, int64_t n_heads, int64_t n_slots) {
    planes = n_planes, rows = n_rows, heads = n_heads, slots = n_slots;
    mass.assign(static_cast<std::size_t>(sdk::product(planes, rows, heads, slots)), 0.0f);
  }
  float *of(int64_t plane, int64_t row, int64_t head) {
    return mass.data() + ((plane * rows + row) * heads + head) * slots;
  }
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
  Observer(const kvern_attention_1 &attention, const Settings &settings)
      : attention_(attention), settings_(settings) {}

  /// Computes out (0 in columns that are no tokens) and lse, and the mass of the observed queries. `mass` may be empty.
  void attend(const RowRequest &request, bool tentative, StepMass &mass) const;

 private:
  void attend_columns(const RowRequest &request, int64_t begin, int64_t end, float *mass) const;

  const kvern_attention_1 &attention_;
  const Settings &settings_;
};

}  // namespace kvern::evicting
