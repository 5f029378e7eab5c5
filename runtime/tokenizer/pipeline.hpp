// All steps of one tokenizer.json, in order. Knows nothing of files, nor of what transformers adds to the
// library.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/tokenizer/added_tokens.hpp"
#include "runtime/tokenizer/decoders/decoder.hpp"
#include "runtime/tokenizer/encoding.hpp"
#include "runtime/tokenizer/models/model.hpp"
#include "runtime/tokenizer/normalizers/normalizer.hpp"
#include "runtime/tokenizer/post_processors/post_processor.hpp"
#include "runtime/tokenizer/pre_tokenizers/pre_tokenizer.hpp"

namespace kvern::tokenizer {

class Pipeline {
 public:
  /// `root`: the file without `model`. `truncation` and `padding` are not for single texts and are ignored.
  Pipeline(const JsonNode &root, std::shared_ptr<const Model> model, const AddedTokenChanges &changes = {});

  /// The texts must be valid UTF-8.
  Encoding encode(std::string_view text, bool add_special_tokens) const;
  Encoding encode_pair(std::string_view a, std::string_view b, bool add_special_tokens) const;
  std::string decode(std::span<const int64_t> ids, bool skip_special_tokens) const;

  /// What a token adds to a text within which it stands. Throws Error(model) where that depends on its neighbours.
  std::string bytes_within(const std::string &token) const;

  std::optional<int64_t> id_of(std::string_view token) const;
  const std::string *token_of(int64_t id) const;  ///< nullptr: no such id
  bool is_added(int64_t id) const { return added_->token_of(id) != nullptr; }
  bool is_special(std::string_view token) const { return added_->is_special(token); }
  size_t size() const { return model_->size() + added_->beyond_model(); }

 private:
  Encoding encode_text(std::string_view text, int64_t type_id) const;
  Encoding finish(std::vector<Encoding> texts, bool add_special_tokens) const;

  std::shared_ptr<const Model> model_;
  std::unique_ptr<const Normalizer> normalizer_;  // these may be absent
  std::unique_ptr<const PreTokenizer> pre_tokenizer_;
  std::unique_ptr<const PostProcessor> post_processor_;
  std::unique_ptr<const Decoder> decoder_;
  std::unique_ptr<const AddedTokens> added_;
};

}  // namespace kvern::tokenizer
