// Text -> pieces -> ids -> special tokens around them; ids -> tokens -> text.
#include "runtime/tokenizer/pipeline.hpp"

#include <unordered_map>
#include <utility>

namespace kvern::tokenizer {
namespace {

// The ids of the pieces of one text. Words come again and again: their ids are copied from the first time.
class PieceEncoder {
 public:
  explicit PieceEncoder(const Model &model) : model_(model) {}

  // `piece` must outlive this
  void encode(const std::string &piece, std::vector<int64_t> &ids) {
    constexpr size_t kLongestWord = 256;
    if (piece.size() > kLongestWord) return model_.encode(piece, ids);
    const auto [place, is_new] = seen_.try_emplace(piece, ids.size(), 0);
    auto &[begin, count] = place->second;
    if (is_new) {
      model_.encode(piece, ids);
      count = ids.size() - begin;
      return;
    }
    for (size_t i = begin, end = begin + count; i < end; ++i) ids.push_back(ids[i]);
  }

 private:
  const Model &model_;
  std::unordered_map<std::string_view, std::pair<size_t, size_t>> seen_;  // where in ids, how many
};

template <class Make>
auto make_if_present(const JsonNode &root, std::string_view key, const Make &make) -> decltype(make(root)) {
  if (!root.has(key)) return nullptr;
  return make(root.at(key));
}

std::unique_ptr<AddedTokens> make_added_tokens(const JsonNode &root, const Model &model,
                                               const Normalizer *normalizer,
                                               const AddedTokenChanges &changes) {
  static const nlohmann::json kNone = nlohmann::json::array();
  return std::make_unique<AddedTokens>(
      root.has("added_tokens") ? root.at("added_tokens") : JsonNode(kNone, ""), model, normalizer, changes);
}

void append(Encoding &to, const Encoding &from) {
  to.ids.insert(to.ids.end(), from.ids.begin(), from.ids.end());
  to.type_ids.insert(to.type_ids.end(), from.type_ids.begin(), from.type_ids.end());
  to.special_tokens_mask.insert(to.special_tokens_mask.end(), from.special_tokens_mask.begin(),
                                from.special_tokens_mask.end());
}

}  // namespace

Pipeline::Pipeline(const JsonNode &root, std::shared_ptr<const Model> model, const AddedTokenChanges &changes)
    : model_(std::move(model)),
      normalizer_(make_if_present(root, "normalizer", make_normalizer)),
      pre_tokenizer_(make_if_present(root, "pre_tokenizer", make_pre_tokenizer)),
      post_processor_(make_if_present(root, "post_processor", make_post_processor)),
      decoder_(make_if_present(root, "decoder", make_decoder)),
      added_(make_added_tokens(root, *model_, normalizer_.get(), changes)) {}

Encoding Pipeline::encode_text(std::string_view text, int64_t type_id) const {
  PatternSteps steps(text.size());
  Pieces pieces = added_->extract(text, &steps);
  if (pre_tokenizer_) pre_tokenizer_->apply(pieces);
  Encoding encoding;
  PieceEncoder encoder(*model_);
  for (const Piece &piece : pieces) {
    if (piece.is_token())
      encoding.ids.push_back(piece.id);
    else
      encoder.encode(piece.text, encoding.ids);
  }
  encoding.type_ids.assign(encoding.ids.size(), type_id);
  encoding.special_tokens_mask.assign(encoding.ids.size(), 0);
  return encoding;
}

Encoding Pipeline::finish(std::vector<Encoding> texts, bool add_special_tokens) const {
  if (post_processor_) texts = post_processor_->apply(std::move(texts), add_special_tokens);
  Encoding all;
  for (const Encoding &part : texts) append(all, part);
  return all;
}

Encoding Pipeline::encode(std::string_view text, bool add_special_tokens) const {
  return finish({encode_text(text, 0)}, add_special_tokens);
}

Encoding Pipeline::encode_pair(std::string_view a, std::string_view b, bool add_special_tokens) const {
  return finish({encode_text(a, 0), encode_text(b, 1)}, add_special_tokens);
}

std::optional<int64_t> Pipeline::id_of(std::string_view token) const {
  const auto id = added_->id_of(token);
  return id ? id : model_->id_of(token);
}

const std::string *Pipeline::token_of(int64_t id) const {
  const std::string *token = added_->token_of(id);
  return token ? token : model_->token_of(id);
}

std::string Pipeline::bytes_within(const std::string &token) const {
  if (!decoder_) return " " + token;
  TokenText text{token};
  decoder_->apply_within(text);
  return std::move(text.text);
}

std::string Pipeline::decode(std::span<const int64_t> ids, bool skip_special_tokens) const {
  Tokens tokens;
  for (const int64_t id : ids) {
    const std::string *token = token_of(id);
    if (token && !(skip_special_tokens && is_special(*token))) tokens.push_back(*token);
  }
  const bool spaced = !decoder_;
  if (decoder_) tokens = decoder_->apply(std::move(tokens));
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) text += (spaced && i > 0 ? " " : "") + tokens[i];
  return text;
}

}  // namespace kvern::tokenizer
