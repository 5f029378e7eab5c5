// The one check that a piece has.
#include "runtime/tokenizer/piece.hpp"

#include <kvern/error.hpp>

namespace kvern::tokenizer {

void Piece::check_size(size_t size) const {
  if (size > limit)
    throw Error(ErrorKind::model, "tokenizer.json: normalizer: makes the text grow to more than " +
                                      std::to_string(limit) + " bytes, which no useful normalizer does");
}

}  // namespace kvern::tokenizer
