// The `added_tokens` of tokenizer.json: tokens that are found in the text before the model sees it.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "runtime/tokenizer/load/json_node.hpp"
#include "runtime/tokenizer/models/model.hpp"
#include "runtime/tokenizer/models/vocabulary.hpp"
#include "runtime/tokenizer/normalizers/normalizer.hpp"
#include "runtime/tokenizer/piece.hpp"
#include "runtime/tokenizer/text/trie.hpp"

namespace kvern::tokenizer {

struct AddedToken {
  std::string content;
  bool single_word = false;  ///< matches only where no word character stands beside it
  bool lstrip = false;       ///< takes the spaces on its left
  bool rstrip = false;       ///< takes the spaces on its right
  bool normalized = true;    ///< is sought, itself normalized, in the normalized text
  bool special = false;      ///< left out of decoded text on demand
  bool operator==(const AddedToken &) const = default;
};

/// Reads one entry; absent flags are false, `normalized` is then what `special` is not.
AddedToken read_added_token(const JsonNode &node);

/// What the files beside tokenizer.json change.
struct AddedTokenChanges {
  std::vector<AddedToken> more;       ///< added after those of tokenizer.json, or given their flags
  bool split_special_tokens = false;  ///< special tokens are not found in texts
};

class AddedTokens {
 public:
  /// `node`: the array. A token that the model knows has the model's id; the others get the next free ids in
  /// order, as in the tokenizers library, whatever the file says.
  AddedTokens(const JsonNode &node, const Model &model, const Normalizer *normalizer,
              const AddedTokenChanges &changes = {});

  /// The text (valid UTF-8), normalized and cut at the added tokens, whose pieces are empty. `steps` goes into the pieces.
  Pieces extract(std::string_view text, PatternSteps *steps = nullptr) const;

  std::optional<int64_t> id_of(std::string_view token) const;
  const std::string *token_of(int64_t id) const;
  bool is_special(std::string_view token) const { return special_.contains(token); }
  /// How many added tokens the model does not know.
  size_t beyond_model() const { return beyond_model_; }

 private:
  /// Texts to look for, and the ids of their tokens; of equal texts the first counts.
  struct TokenSet {
    Trie trie;
    std::optional<uint32_t>
        empty;  // of a token of which its normalizer leaves nothing: it is found everywhere
    void insert(std::string_view text, uint32_t id);
    std::optional<Trie::Hit> find(std::string_view text, size_t position, TrieSteps &steps) const;
  };

  int64_t next_id() const;
  void add_all(const std::vector<AddedToken> &tokens);
  void add(const AddedToken &token);
  void index();
  void cut(Pieces &pieces, const TokenSet &set) const;
  void cut_piece(Piece &piece, const TokenSet &set, Pieces &out, TrieSteps &steps) const;

  const Model &model_;
  const Normalizer *normalizer_;
  std::vector<AddedToken> order_special_,
      order_;  // of equal texts in the trie the first wins, special ones before others
  StringMap<int64_t> ids_;
  std::unordered_map<int64_t, AddedToken> tokens_;
  std::unordered_set<std::string, StringHash, std::equal_to<>> special_;
  int64_t highest_id_ = -1;
  size_t beyond_model_ = 0;
  bool split_special_tokens_;
  TokenSet raw_, normalized_;
};

}  // namespace kvern::tokenizer
