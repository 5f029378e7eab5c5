// What flows through the steps of encoding: stretches of the text, some of which are added tokens already.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtime/tokenizer/text/match.hpp"
#include "runtime/tokenizer/text/pattern_steps.hpp"

namespace kvern::tokenizer {

inline constexpr size_t kMinPieceLimit = size_t{1} << 20;

struct Piece {
  std::string text;       ///< valid UTF-8; empty for a token
  bool at_start = false;  ///< begins with the first character of the whole text, whatever became of it
  int64_t id = -1;        ///< of an added token; -1: a stretch for the model
  /// Bytes up to which normalizers may make the text grow: a file can ask for any amount.
  size_t limit = kMinPieceLimit;
  PatternSteps *steps = nullptr;  ///< what is left for the patterns of the whole text; nullptr: not shared

  /// Error (model) if a text of `size` bytes is beyond the limit.
  void check_size(size_t size) const;
  bool is_token() const { return id >= 0; }
};
using Pieces = std::vector<Piece>;

/// Cuts every piece that is no token at what `find(text)` finds; empty stretches vanish.
template <class Find>
void split_pieces(Pieces &pieces, const Find &find, SplitBehavior behavior) {
  Pieces out;
  out.reserve(pieces.size());
  for (Piece &piece : pieces) {
    if (piece.is_token()) {
      out.push_back(std::move(piece));
      continue;
    }
    for (const Match &m : apply_behavior(find(std::string_view(piece.text)), behavior))
      if (m.end > m.begin)
        out.push_back({piece.text.substr(m.begin, m.end - m.begin), piece.at_start && m.begin == 0, -1,
                       piece.limit, piece.steps});
  }
  pieces = std::move(out);
}

}  // namespace kvern::tokenizer
