// The `model` of tokenizer.json: turns one piece of text into ids by its vocabulary.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tokenizer/load/json_node.hpp"

namespace kvern::tokenizer {

class Model {
 public:
  virtual ~Model() = default;
  /// Appends the ids of one piece (valid UTF-8, not empty). Any thread.
  /// Throws Error (input) if the piece has no ids: an unknown character, and no unk token.
  virtual void encode(std::string_view piece, std::vector<int64_t> &ids) const = 0;
  virtual std::optional<int64_t> id_of(std::string_view token) const = 0;
  /// nullptr: no such id. Lives as long as the model.
  virtual const std::string *token_of(int64_t id) const = 0;
  /// How many tokens the model knows.
  virtual size_t size() const = 0;
};

/// The model that `node` describes. Unknown types and wrong fields are an Error (model).
std::shared_ptr<const Model> make_model(const JsonNode &node);

}  // namespace kvern::tokenizer
