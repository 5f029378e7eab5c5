// Positions of a step in which keys are seen elsewhere than where they are stored: by row, query and slot. No keys here.
#pragma once
#include <kvern/sdk/slots.hpp>

#include "plugins/sink/settings.hpp"

namespace kvern::sink {

/// Positions inside the window, as StreamingLLM counts them: a query at position t >= window_length is the window's last one,
/// sinks are where they were, the recent keys as far from the query as in the text.
///
/// Keys are stored once and never rotated again: at their position in the text less a base that is the same for all keys of an
/// epoch, so that angles stay exact in float32 in a text of any length. A query meets keys of another epoch, and the sinks, by
/// rotating the query.
class WindowPlaces {
 public:
  explicit WindowPlaces(const Settings &settings)
      : window_(settings.window_length),
        sinks_(settings.num_sink_tokens),
        epoch_(std::max<int64_t>(window_, 4096)) {}

  /// The position of a token in the text, less its epoch's base: 0 .. 2 epochs - 1. Where it is rotated to.
  int64_t stored(int64_t position) const { return position - base(position); }
  int64_t base(int64_t position) const {
    return position < 2 * epoch_ ? 0 : (position / epoch_ - 1) * epoch_;
  }
  int64_t next_base(int64_t base) const { return std::max(base + epoch_, epoch_); }

  /// How many positions a query no longer counts.
  int64_t dropped(int64_t query) const { return std::max<int64_t>(0, query + 1 - window_); }
  bool is_sink(int64_t key) const { return key >= 0 && key < sinks_; }
  bool is_recent(int64_t key, int64_t query) const { return key >= sinks_ && key > query - recent(); }
  int64_t recent() const { return window_ - sinks_; }

  /// Where a query that is rotated to its stored position sees a key; -1: it does not.
  int64_t seen(int64_t key, int64_t query) const {
    if (is_sink(key)) return stored(query) - (query - dropped(query) - key);
    return is_recent(key, query) ? stored(query) - (query - key) : -1;
  }

 private:
  int64_t window_, sinks_, epoch_;
};

/// Keys of one step that all queries see after the same rotation of the query.
struct KeyGroup {
  int64_t begin = 0, end = 0;  ///< slots
  bool sinks = false;
  bool rotates = false;             ///< queries are rotated
  std::vector<int64_t> key_pos{};   ///< [rows, end - begin] positions in the text; -1: a key of another group
  std::vector<int64_t> query_by{};  ///< [rows, n_new] positions by which queries are rotated
};

/// The groups of a step: sinks, and the recent keys by epoch.
std::vector<KeyGroup> groups_of(const WindowPlaces &places, const sdk::Slots &slots, const sdk::Step &step);

}  // namespace kvern::sink
