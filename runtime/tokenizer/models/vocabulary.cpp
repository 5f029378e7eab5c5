// Tokens one after another, found by text and by id.
#include "runtime/tokenizer/models/vocabulary.hpp"

namespace kvern::tokenizer {

Vocabulary::Vocabulary(const JsonNode &node) {
  if (!node.json().is_object()) node.fail(std::string("must be an object, not ") + node.json().type_name());
  tokens_.reserve(node.json().size());
  ids_.reserve(node.json().size());
  by_text_.reserve(node.json().size());
  by_id_.reserve(node.json().size());
  for (const auto &[token, id] : node.json().items()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > static_cast<uint64_t>(kMaxId))
      node.fail("the id of '" + token + "' must be an integer from 0 to " + std::to_string(kMaxId));
    add(token, id.get<int64_t>());
  }
}

uint32_t Vocabulary::number_of(std::string_view token) const {
  return by_text_.find(std::hash<std::string_view>{}(token),
                       [&](uint32_t number) { return tokens_[number].text == token; });
}

uint32_t Vocabulary::place_of(int64_t id) const {
  return by_id_.find(static_cast<uint64_t>(id), [&](uint32_t place) { return ids_[place].id == id; });
}

void Vocabulary::add(const std::string &token, int64_t id) {
  uint32_t number = number_of(token);
  if (number == FlatIndex::kNone) {
    number = static_cast<uint32_t>(tokens_.size());
    tokens_.push_back({token, id});
    by_text_.insert(std::hash<std::string_view>{}(token), number);
  }
  tokens_[number].id = id;
  const uint32_t place = place_of(id);
  if (place != FlatIndex::kNone) {
    ids_[place].token = number;
    return;
  }
  by_id_.insert(static_cast<uint64_t>(id), static_cast<uint32_t>(ids_.size()));
  ids_.push_back({id, number});
}

std::optional<int64_t> Vocabulary::id_of(std::string_view token) const {
  const uint32_t number = number_of(token);
  if (number == FlatIndex::kNone) return std::nullopt;
  return tokens_[number].id;
}

const std::string *Vocabulary::token_of(int64_t id) const {
  const uint32_t place = place_of(id);
  return place == FlatIndex::kNone ? nullptr : &tokens_[ids_[place].token].text;
}

}  // namespace kvern::tokenizer
