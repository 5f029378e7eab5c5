// The keys of an encoder in a cache that knows tokens only: a CROSS layer is to it a layer of ATTENTION whose tokens are the
// encoder's, at positions from 0, and every later step reads them.
#pragma once
#include <kvern/sdk/inner.hpp>

namespace kvern::encoder_decoder {

class CrossHalf {
 public:
  /// A cache of `plugin` for all CROSS layers. Throws what its create reports.
  CrossHalf(const sdk::Create &create, const kvern_plugin &plugin, sdk::OptionItems options);
  /// Of clones.
  CrossHalf(const CrossHalf &other);

  bool offers(sdk::Verb verb) const { return held_.offers(verb); }
  /// Does it hold keys? Not before a step has brought some, nor where the inner cache keeps nothing.
  bool holds() const { return !lengths_.empty(); }
  /// Did the last step bring keys?
  bool brought() const { return n_cross_ > 0; }
  int64_t rows() const { return static_cast<int64_t>(lengths_.size()); }

  void begin(const sdk::Step &step);
  void view(int layer, kvern_view &view);
  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v);
  void attend(const kvern_attend &request);
  /// keep: keys that the step brought replace those held before.
  void end(bool keep);
  void reset();
  void add_bytes(int layer, kvern_info &info) const;
  void save(sdk::Writer &out) const;
  void load(sdk::Reader &in);

  // Only where keys are held.
  void gather(sdk::Rows rows);
  void append(const CrossHalf &from);

 private:
  sdk::Inner &active() { return replaces_ ? coming_ : held_; }
  void begin(sdk::Inner &inner, const sdk::Step &step, int64_t n_new, const int64_t *row_pos);

  sdk::Inner held_, coming_;          // coming_ is empty but in a step that replaces keys
  std::vector<int64_t> lengths_;      // [rows] keys held of each row
  std::vector<int64_t> new_lengths_;  // the same of the open step
  std::vector<int64_t> zeros_;
  int64_t n_cross_ = 0;    // of the open step
  bool replaces_ = false;  // the open step's keys are in coming_
};

}  // namespace kvern::encoder_decoder
