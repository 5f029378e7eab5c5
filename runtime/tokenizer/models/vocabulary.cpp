// Two hash tables; the second points into the first.
#include "runtime/tokenizer/models/vocabulary.hpp"

namespace kvern::tokenizer {

Vocabulary::Vocabulary(const JsonNode &node) {
  if (!node.json().is_object()) node.fail(std::string("must be an object, not ") + node.json().type_name());
  ids_.reserve(node.json().size());
  tokens_.reserve(node.json().size());
  for (const auto &[token, id] : node.json().items()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > static_cast<uint64_t>(kMaxId))
      node.fail("the id of '" + token + "' must be an integer from 0 to " + std::to_string(kMaxId));
    add(token, id.get<int64_t>());
  }
}

void Vocabulary::add(const std::string &token, int64_t id) {
  const auto place = ids_.insert_or_assign(token, id).first;
  tokens_[id] = &place->first;
}

std::optional<int64_t> Vocabulary::id_of(std::string_view token) const {
  const auto found = ids_.find(token);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

const std::string *Vocabulary::token_of(int64_t id) const {
  const auto found = tokens_.find(id);
  return found == tokens_.end() ? nullptr : found->second;
}

}  // namespace kvern::tokenizer
