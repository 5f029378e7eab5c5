// The option response_format for one model: its language over the tokens of the vocabulary.
#pragma once
#include <kvern/generation.hpp>
#include <memory>
#include <optional>

#include "runtime/constraint/response_format.hpp"
#include "runtime/constraint/token_trie.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace kvern {

/// Made when it is first asked for, then shared: the vocabulary by bytes.
class ResponseConstraints {
 public:
  /// Reads what the option says; nothing where it asks for nothing. Throws Error(config).
  explicit ResponseConstraints(const GenerationConfig &config);
  bool restricts() const { return language_.has_value(); }
  /// For one generation; nullptr: nothing restricts it.
  std::unique_ptr<TokenConstraint> make(const Tokenizer &tokenizer, int64_t vocab_size);

 private:
  std::optional<constraint::Language> language_;
  std::shared_ptr<const constraint::TokenBytes> bytes_;
  std::shared_ptr<const constraint::TokenTrie> trie_;
};

}  // namespace kvern
