// A tokenizer from the tokenizer.json of a Hugging Face folder: the ids and texts of the tokenizers library,
// and those of transformers' AutoTokenizer, which changes some of them by tokenizer_config.json.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tokenizer/encoding.hpp"

namespace kvern {

namespace tokenizer {
struct TokenizerFiles;
}

using tokenizer::Encoding;

/// Immutable and cheap to copy (copies share everything); all functions may be called by any number of
/// threads at once. Texts are UTF-8. A text that is not is an Error (input) that names the byte; so is a text
/// with a character for which the model has neither a token nor an unk token.
class Tokenizer {
 public:
  /// Reads tokenizer.json and, where they are there, tokenizer_config.json, special_tokens_map.json, added_tokens.json and
  /// the tokenizer_class or model_type of config.json. Error (model): no such file (the
  /// message says how to make it from tokenizer.model or vocab.json), or something in it is wrong or unknown
  /// (file, key, what is known).
  static Tokenizer load(const std::filesystem::path &model_folder);
  /// Whether `model_folder` has a tokenizer.json.
  static bool exists(const std::filesystem::path &model_folder);
  /// From the contents of the two files; an empty `config` is an absent one. `name` stands for the file in
  /// messages.
  static Tokenizer from_json(std::string_view tokenizer, std::string_view config = {},
                             const std::string &name = "tokenizer.json");
  /// From the parsed files.
  static Tokenizer from_files(tokenizer::TokenizerFiles files);

  // As the tokenizers library, with tokenizer.json alone. `truncation` and `padding` in it are ignored.

  std::vector<int64_t> encode(std::string_view text, bool add_special_tokens) const;
  Encoding encode_pair(std::string_view a, std::string_view b, bool add_special_tokens) const;
  /// Ids that the tokenizer doesn't have are left out.
  std::string decode(std::span<const int64_t> ids, bool skip_special_tokens) const;

  // As transformers' AutoTokenizer.

  /// AutoTokenizer(text).input_ids: add_bos_token, add_prefix_space and added_tokens_decoder of the
  /// configuration count.
  std::vector<int64_t> encode_hf(std::string_view text, bool add_special_tokens) const;
  /// AutoTokenizer.decode: clean_up_tokenization_spaces is honoured; Whisper's timestamps and prompts are
  /// left out.
  std::string text(std::span<const int64_t> ids, bool skip_special_tokens) const;
  /// What `ids` add to the text of `prompt`: both are decoded together, for decoders treat the first token of a
  /// text otherwise (they strip its space). The text of the prompt, then this, is the text of both, except where
  /// clean_up_tokenization_spaces or invalid UTF-8 would change the prompt's text, which stays as it is.
  std::string continuation(std::span<const int64_t> prompt, std::span<const int64_t> ids,
                           bool skip_special_tokens) const;
  /// clean_up_tokenization_spaces of the configuration.
  bool cleans_up_spaces() const;
  /// The same tokenizer without it: texts are what their tokens spell.
  Tokenizer keeping_spaces() const;
  /// By id, below `size`: the bytes that a token adds to a text within which it stands. None: special tokens, those that text()
  /// leaves out, and ids that are no token. Throws Error(model) where that depends on the tokens around it.
  std::vector<std::optional<std::string>> token_bytes(size_t size) const;

  /// How many different tokens there are, added ones included. Ids may be larger where they have gaps.
  size_t vocab_size() const;
  std::optional<int64_t> token_to_id(std::string_view token) const;
  std::optional<std::string> id_to_token(int64_t id) const;
  /// Whether the id is one of the added tokens, which are found in a text before the model sees it.
  bool is_added(int64_t id) const;
  /// Whether skip_special_tokens leaves the id out.
  bool is_special(int64_t id) const;

  /// The token that tokenizer_config.json names `name` ("bos_token", "eos_token", "pad_token" ...), and its
  /// id.
  std::optional<std::string> special_token(std::string_view name) const;
  std::optional<int64_t> special_token_id(std::string_view name) const;
  /// padding_side is "left".
  bool pads_left() const;

 private:
  friend class DecodeStream;
  /// text() before anything is cleaned up or left out.
  std::string raw_text(std::span<const int64_t> ids, bool skip_special_tokens) const;
  /// Whether text() leaves the id out whatever is asked for.
  bool leaves_out(int64_t id) const;

  struct State;
  explicit Tokenizer(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state_;
};

}  // namespace kvern
