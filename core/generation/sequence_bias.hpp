// A bias on sequences of ids, for the processors that raise, lower or forbid them.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/generation/processors.hpp"

namespace kvern {

struct BiasedSequence {
  std::vector<int64_t> ids;
  double bias = 0;
};

/// Whether a value is a list of ids, not empty.
bool is_id_sequence(const Option &value);

/// Adds each bias to the score of the last id of its sequence where the ids before it end the row, prompt included; of two
/// equal sequences the last counts. Throws Error(config) naming `option` for an id outside the vocabulary. nullptr: no
/// sequence.
std::unique_ptr<LogitsProcessor> make_sequence_bias(std::string option,
                                                    std::vector<BiasedSequence> sequences);

}  // namespace kvern
