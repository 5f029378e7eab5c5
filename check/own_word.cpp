// A cache taken at its word: what its views say that it holds must be right, and its attention that over exactly those keys. This
// is how caches that evict, round or count positions in their own way are checked.
#include "check/harness_open.hpp"

namespace kvern::conformance {
namespace {

constexpr double kExact = 1e-3;  // a larger tolerance is that of a cache that rounds

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

/// What a layer should hold of one row and key head.
class StoredKeys {
 public:
  StoredKeys(const Row &row, const kvern_layer &layer, int owner, int head)
      : row_(row), layer_(layer), owner_(owner), head_(head) {}

  int64_t columns() const { return cross() ? row_.encoder_len : static_cast<int64_t>(row_.tokens.size()); }
  int64_t column_of(int64_t position) const { return cross() ? position : position + row_.pad; }

  std::vector<double> key(int64_t column, int64_t position) const {
    std::vector<double> k(static_cast<std::size_t>(layer_.head_dim_k));
    for (int d = 0; d < layer_.head_dim_k; ++d) k[d] = test_value(token(column), owner_, Kind::key, head_, d);
    if (!cross()) rotate(layer_, owner_, k.data(), position);
    return k;
  }
  std::vector<double> value(int64_t column, int64_t position) const {
    std::vector<double> v;
    if (layer_.flags & KVERN_VALUES_IN_KEYS) v = key(column, position);
    v.resize(static_cast<std::size_t>(layer_.head_dim_v));
    if (layer_.flags & KVERN_VALUES_IN_KEYS) return v;
    for (int d = 0; d < layer_.head_dim_v; ++d)
      v[d] = test_value(token(column), owner_, Kind::value, head_, d);
    return v;
  }

 private:
  bool cross() const { return layer_.kind == KVERN_LAYER_CROSS; }
  uint32_t token(int64_t column) const {
    return cross() ? row_.encoder + static_cast<uint32_t>(column) : row_.tokens[column];
  }

  const Row &row_;
  const kvern_layer &layer_;
  int owner_, head_;
};

/// The slots of one row and head of what update exported.
class ExportedKeys {
 public:
  ExportedKeys(const kvern_view &view, const DLTensor &k, const DLTensor &v, int64_t row, int64_t head,
               double tolerance)
      : view_(view), k_(k), v_(v), row_(row), head_(head), tolerance_(tolerance) {}

  int64_t position(int64_t slot) const { return key_position(view_, row_, head_, slot); }

  /// Cheaper than the key, which is rotated.
  bool holds_value(int64_t slot, const std::vector<double> &value) const {
    return difference(v_, slot, value).empty();
  }
  /// "" if the slot holds this key and value.
  std::string difference(int64_t slot, const std::vector<double> &key,
                         const std::vector<double> &value) const {
    std::string text = difference(k_, slot, key);
    if (!text.empty()) return "the key " + text;
    text = difference(v_, slot, value);
    return text.empty() ? "" : "the value " + text;
  }

 private:
  std::string difference(const DLTensor &tensor, int64_t slot, const std::vector<double> &stored) const {
    for (int64_t d = 0; d < static_cast<int64_t>(stored.size()); ++d) {
      const double held = read_element(tensor, row_, head_, slot, d);
      if (std::abs(held - stored[d]) <= tolerance_) continue;
      return "holds " + number(held) + " at dimension " + std::to_string(d) + ", stored was " +
             number(stored[d]);
    }
    return "";
  }

  const kvern_view &view_;
  const DLTensor &k_, &v_;
  int64_t row_, head_;
  double tolerance_;
};

/// The column whose token a slot holds, where the cache counts positions in its own way: -1 if it is none that is left.
int64_t find_column(const ExportedKeys &held, const StoredKeys &stored, int64_t slot,
                    const std::vector<char> &taken) {
  for (int64_t column = 0; column < stored.columns(); ++column) {
    const int64_t position = held.position(slot);
    if (!taken[column] && held.holds_value(slot, stored.value(column, position)) &&
        held.difference(slot, stored.key(column, position), stored.value(column, position)).empty())
      return column;
  }
  return -1;
}

/// Where a row's keys lie, as text for a violation.
struct KeysOfRow {
  int layer;
  int64_t row, head;
  std::string text() const {
    return " (layer " + std::to_string(layer) + ", row " + std::to_string(row) + ", key head " +
           std::to_string(head) + ")";
  }
};

[[noreturn]] void wrong_keys(const std::string &what, int64_t position, const KeysOfRow &where) {
  violated(what + " at position " + std::to_string(position) + where.text(), kRightKeys);
}

/// Marks the columns that the slots hold.
void check_slots(const ExportedKeys &held, const StoredKeys &stored, int64_t slots, bool renumbered,
                 std::vector<char> &taken, const KeysOfRow &where) {
  for (int64_t slot = 0; slot < slots; ++slot) {
    const int64_t position = held.position(slot);
    if (position < 0) continue;
    int64_t column = stored.column_of(position);
    if (renumbered) {
      column = find_column(held, stored, slot, taken);
      if (column < 0) wrong_keys("view shows a key that is none of this row's", position, where);
    }
    if (column >= stored.columns())
      wrong_keys("view shows a key that the row does not have", position, where);
    if (taken[column]) wrong_keys("view shows two keys", position, where);
    const std::string wrong =
        held.difference(slot, stored.key(column, position), stored.value(column, position));
    if (!wrong.empty()) wrong_keys(wrong, position, where);
    taken[column] = 1;
  }
}

}  // namespace

void CacheHarness::check_own_word(int layer, const Open &open, const kvern_view &view, const DLTensor &k,
                                  const DLTensor &v) {
  const kvern_layer &shape = subject.layers[layer];
  const bool cross = shape.kind == KVERN_LAYER_CROSS;
  const int owner = shape.shares_layer >= 0 ? shape.shares_layer : layer;
  for (int64_t r = 0; r < open.step.rows; ++r) {
    const int64_t last = open.pos[r] + open.count[r] - 1, first = std::max<int64_t>(0, open.pos[r]);
    int64_t from = cross ? 0 : first, to = cross ? open.fed[r].encoder_len - 1 : last;
    if (!cross && subject.keeps_all) from = shape.window ? std::max<int64_t>(0, first - shape.window + 1) : 0;
    if (open.count[r] == 0 || last < 0) to = -1;  // no query that sees anything
    for (int h = 0; h < shape.kv_heads; ++h) {
      const StoredKeys stored(open.fed[r], shape, owner, h);
      const ExportedKeys held(view, k, v, r, h, subject.tolerance);
      std::vector<char> taken(static_cast<std::size_t>(stored.columns() + 1), 0);
      check_slots(held, stored, view.kv_len, !cross && view.q_pos, taken, {layer, r, h});
      for (int64_t position = from; position <= to; ++position)
        if (!taken[stored.column_of(position)])
          wrong_keys("view lacks the key that queries of the step see", position, {layer, r, h});
      counts.elements += view.kv_len * (shape.head_dim_k + shape.head_dim_v);
    }
  }
}

/// The keys and values of a layer in the step that is open, where the cache exports them.
bool CacheHarness::read_back(int owner, DLTensor &k, DLTensor &v) {
  if (host.may_fail()) return false;  // an update that found no memory would end the step
  const kvern_status status = ops().update(cache, owner, nullptr, nullptr, &k, &v, &error);
  if (status == KVERN_UNSUPPORTED) return false;
  expect(status == KVERN_OK, std::string("update that only reads: ") + error.message);
  return true;
}

/// What a layer should hold, at the positions of its view; slots that nobody sees are 0.
void CacheHarness::fill_stored(int layer, const Open &open, const kvern_view &view, const DLTensor &k,
                               const DLTensor &v) const {
  const kvern_layer &shape = subject.layers[layer];
  const int owner = shape.shares_layer >= 0 ? shape.shares_layer : layer;
  for (int64_t r = 0; r < open.step.rows; ++r) {
    for (int h = 0; h < shape.kv_heads; ++h) {
      const StoredKeys stored(open.fed[r], shape, owner, h);
      for (int64_t slot = 0; slot < view.kv_len; ++slot) {
        const int64_t position = key_position(view, r, h, slot), column = stored.column_of(position);
        if (position < 0 || column >= stored.columns()) continue;
        const std::vector<double> key = stored.key(column, position), value = stored.value(column, position);
        for (int d = 0; d < shape.head_dim_k; ++d) write_element(k, r, h, slot, d, key[d]);
        for (int d = 0; d < shape.head_dim_v; ++d) write_element(v, r, h, slot, d, value[d]);
      }
    }
  }
}

void CacheHarness::compare_own_attend(int layer, const Open &open, const kvern_view &view,
                                      const DLTensor &out, const float *lse) {
  const kvern_layer &shape = subject.layers[layer];
  const int owner = shape.shares_layer >= 0 ? shape.shares_layer : layer;
  const DLDataType single{kDLFloat, 32, 1};
  const Tensor4 stored_k(single, open.step.rows, shape.kv_heads, view.kv_len, shape.head_dim_k),
      stored_v(single, open.step.rows, shape.kv_heads, view.kv_len, shape.head_dim_v);
  DLTensor k = stored_k.dl, v = stored_v.dl;
  const bool exact = subject.tolerance <= kExact && !view.q_pos;
  if ((!exact || random(0, 1) == 1) && read_back(owner, k, v)) {
    check_exported(layer, open, view, k, v);
    check_own_word(layer, open, view, k, v);
  } else {
    if (view.q_pos) return;  // which key is whose cannot be known
    fill_stored(layer, open, view, k, v);
  }
  const auto padding = [&](int64_t r, int64_t i) {
    return open.pos[r] + i < 0;
  };  // what comes out is not used
  const ViewedKeys keys = viewed(layer, view, k, v);
  const auto over_view = [&](int64_t r, int h, int64_t i) { return attend_view(layer, open, keys, r, h, i); };
  counts.elements += compare_queries(subject, layer, open, out, lse,
                                     "attend gives another result than attention over the keys of its view",
                                     padding, over_view);
}

}  // namespace kvern::conformance
