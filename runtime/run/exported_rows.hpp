// What a cache holds, copied out of it, so that a cache of another kind goes on from there without computing it again.
#pragma once
#include <kvern/cache.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/support/scratch_file.hpp"

namespace kvern {

class ExportedRows {
 public:
  /// ends[r]: the position behind the last token of row r. nullopt where the contract has no way, `why` then says so: recurrent
  /// states, keys that differ by head or whose positions the cache counts itself, tokens that the cache has dropped.
  static std::optional<ExportedRows> of(Cache &from, const std::vector<int64_t> &ends, std::string &why);

  /// Fills `to`, which holds nothing, is of the same layers and dtype, and has the rows in the same order afterwards. What rows have in
  /// common at their beginning is given once and repeated, so that a cache that shares it takes the memory once. False if the
  /// cache does not take it: it is empty then, and `why` says why.
  bool give_to(Cache &to, std::string &why) const;

  int64_t rows() const { return static_cast<int64_t>(ends_.size()); }

 private:
  /// Keys, then values, [rows, heads, columns, dim] each; of row r the last column is the one before ends[r]. Of a CROSS layer
  /// the columns are the encoder's.
  struct Layer {
    int number = 0;
    bool cross = false, has_values = true;
    int64_t heads = 0, columns = 0, key_bytes = 0, value_bytes = 0;  ///< bytes of one head and column
    std::size_t at = 0;                                              ///< in the memory
  };
  /// Tokens of some rows that one step brings.
  struct Part {
    std::vector<int64_t> rows, first, count;  ///< [n] of these rows: positions first .. first + count - 1
    int64_t columns = 0;                      ///< of the step
    bool with_cross = false;
  };

  ExportedRows() = default;
  Layer place(const Cache &from, int number, int64_t columns);
  void copy_layer(const Layer &layer, const DLTensor &k, const DLTensor &v,
                  const std::vector<std::vector<int64_t>> &columns);
  std::vector<std::vector<uint64_t>> prefix_sums() const;
  int64_t shared_prefix(const std::vector<std::vector<uint64_t>> &sums) const;
  void give(Cache &to, const Part &part) const;
  void give_layer(Cache &to, const Layer &layer, const Part &part) const;

  std::vector<int64_t> ends_, cross_;  // [rows]; of the encoder's keys, empty without
  int64_t longest_ = 0;
  bool complete_ = true;  // every layer has all positions from 0
  Dtype dtype_ = Dtype::f32;
  std::vector<Layer> layers_;
  ScratchFile memory_{0};
};

}  // namespace kvern
