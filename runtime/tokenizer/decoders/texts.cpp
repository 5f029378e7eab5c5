// Decoders that edit the texts of tokens.
#include <kvern/error.hpp>
#include <utility>

#include "runtime/tokenizer/decoders/kinds.hpp"
#include "runtime/tokenizer/text/space_cleanup.hpp"

namespace kvern::tokenizer {
namespace {

constexpr size_t kMaxTokenText = size_t{64} << 20;  // a file can ask for any amount

}  // namespace

Tokens FuseDecoder::apply(Tokens tokens) const {
  std::string all;
  for (const std::string &token : tokens) all += token;
  return {std::move(all)};
}

void FuseDecoder::apply_within(TokenText &token) const { token.joined = true; }

MetaspaceDecoder::MetaspaceDecoder(const JsonNode &node)
    : strip_first_(node.string_or("prepend_scheme", "always") != "never" &&
                   node.boolean_or("add_prefix_space", true)) {
  append_char(replacement_, node.at("replacement").character());
}

Tokens MetaspaceDecoder::apply(Tokens tokens) const {
  for (size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = replace_all(tokens[i], replacement_, i == 0 && strip_first_ ? "" : " ");
  return tokens;
}

void MetaspaceDecoder::apply_within(TokenText &token) const {
  token.text = replace_all(token.text, replacement_, " ");
}

ReplaceDecoder::ReplaceDecoder(const JsonNode &node)
    : pattern_(node.at("pattern")), content_(node.at("content").string()) {}

Tokens ReplaceDecoder::apply(Tokens tokens) const {
  for (std::string &token : tokens) {
    std::string out;
    for (const Match &m : pattern_.find_all(token, nullptr)) {
      if (out.size() > kMaxTokenText)
        throw Error(ErrorKind::model,
                    "tokenizer.json: decoder: Replace makes a text of more than 64 MiB of one token");
      out += m.hit ? std::string_view(content_) : std::string_view(token).substr(m.begin, m.end - m.begin);
    }
    token = std::move(out);
  }
  return tokens;
}

/// Within a text that is joined already a replacement may cross tokens.
void ReplaceDecoder::apply_within(TokenText &token) const {
  if (token.joined) return Decoder::apply_within(token);
  token.text = apply({token.text}).front();
}

StripDecoder::StripDecoder(const JsonNode &node)
    : start_(node.integer_or("start", 0, INT64_MAX, 0)), stop_(node.integer_or("stop", 0, INT64_MAX, 0)) {
  append_char(content_, node.at("content").character());
}

Tokens StripDecoder::apply(Tokens tokens) const {
  for (std::string &token : tokens) {
    std::string_view rest = token;
    for (int64_t i = 0; i < start_ && rest.starts_with(content_); ++i) rest.remove_prefix(content_.size());
    for (int64_t i = 0; i < stop_ && rest.ends_with(content_); ++i) rest.remove_suffix(content_.size());
    token = std::string(rest);
  }
  return tokens;
}

/// Of a joined text the beginning alone may be cut, which is not within it.
void StripDecoder::apply_within(TokenText &token) const {
  if (token.joined && stop_ > 0) return Decoder::apply_within(token);
  if (!token.joined) token.text = apply({token.text}).front();
}

WordPieceDecoder::WordPieceDecoder(const JsonNode &node)
    : prefix_(node.string_or("prefix", "##")), cleanup_(node.boolean_or("cleanup", true)) {}

Tokens WordPieceDecoder::apply(Tokens tokens) const {
  for (size_t i = 0; i < tokens.size(); ++i) {
    std::string &token = tokens[i];
    if (i > 0) token = token.starts_with(prefix_) ? token.substr(prefix_.size()) : " " + token;
    if (cleanup_) token = clean_up_word_pieces(token);
  }
  return tokens;
}

void WordPieceDecoder::apply_within(TokenText &token) const {
  if (token.joined) return Decoder::apply_within(token);
  token.text = apply({"", token.text}).back();
}

Tokens BpeDecoder::apply(Tokens tokens) const {
  for (size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = replace_all(tokens[i], suffix_, i + 1 == tokens.size() ? "" : " ");
  return tokens;
}

CtcDecoder::CtcDecoder(const JsonNode &node)
    : pad_token_(node.string_or("pad_token", "<pad>")),
      word_delimiter_token_(node.string_or("word_delimiter_token", "|")),
      cleanup_(node.boolean_or("cleanup", true)) {}

Tokens CtcDecoder::apply(Tokens tokens) const {
  Tokens out;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0 && tokens[i] == tokens[i - 1]) continue;
    std::string text = replace_all(tokens[i], pad_token_, "");
    if (cleanup_) text = replace_all(clean_up_word_pieces(text), word_delimiter_token_, " ");
    if (!text.empty()) out.push_back(std::move(text));
  }
  return out;
}

}  // namespace kvern::tokenizer
