// The first symbols of a piece, then the merges.
#include "runtime/tokenizer/models/bpe.hpp"

#include <future>
#include <kvern/error.hpp>
#include <utility>

#include "runtime/support/printable.hpp"
#include "runtime/tokenizer/models/byte_token.hpp"
#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::tokenizer {
namespace {

constexpr size_t kShortWord = 24;  // symbols up to which looking over all of them beats the heap

constexpr size_t kManyMerges = 1 << 14;  // from which on two threads find them in the vocabulary

using Pair = std::pair<std::string_view, std::string_view>;

// ["a", "b"], or "a b" as older files have it
Pair read_pair(const JsonNode &node, const nlohmann::json &merge, size_t index) {
  const auto text_of = [](const nlohmann::json &one) -> std::string_view {
    return one.get_ref<const std::string &>();
  };
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
    return {text_of(merge[0]), text_of(merge[1])};
  const std::string_view text = merge.is_string() ? text_of(merge) : std::string_view();
  const size_t space = text.find(' ');
  if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos)
    node.fail("merge " + std::to_string(index) + " must be [left, right] or \"left right\"");
  return {text.substr(0, space), text.substr(space + 1)};
}

}  // namespace

BpeModel::BpeModel(const JsonNode &node)
    : vocabulary_(node.at("vocab")),
      prefix_(node.string_or("continuing_subword_prefix", "")),
      suffix_(node.string_or("end_of_word_suffix", "")),
      fuse_unk_(node.boolean_or("fuse_unk", false)),
      byte_fallback_(node.boolean_or("byte_fallback", false)),
      ignore_merges_(node.boolean_or("ignore_merges", false)) {
  if (node.has("unk_token")) unk_token_ = node.at("unk_token").string();
  read_merges(node.at("merges"));
}

std::vector<BpeModel::Merge> BpeModel::find_merges(const JsonNode &node, size_t begin, size_t end) const {
  std::vector<Merge> found;
  found.reserve(end - begin);
  std::string joined;
  for (size_t i = begin; i < end; ++i) {
    const nlohmann::json &merge = node.json()[i];
    if (merge.is_string() && merge.get_ref<const std::string &>().starts_with("#version")) continue;
    const auto [left, right] = read_pair(node, merge, i);
    if (!right.starts_with(prefix_))
      node.fail("merge " + std::to_string(i) + ": '" + std::string(right) +
                "' lacks the continuing_subword_prefix");
    const auto known = [&, at = i](std::string_view token) {
      const auto id = vocabulary_.id_of(token);
      if (!id)
        node.fail("merge " + std::to_string(at) + ": '" + std::string(token) + "' is not in the vocabulary");
      return *id;
    };
    const int64_t left_id = known(left), right_id = known(right);
    joined.assign(left).append(right.substr(prefix_.size()));
    found.push_back({left_id, right_id, known(joined)});
  }
  return found;
}

void BpeModel::read_merges(const JsonNode &node) {
  if (!node.json().is_array()) node.fail(std::string("must be an array, not ") + node.json().type_name());
  const size_t size = node.json().size(), half = size < kManyMerges ? size : size / 2;
  merges_.reserve(size);
  const auto policy = half < size ? std::launch::async | std::launch::deferred : std::launch::deferred;
  std::future<std::vector<Merge>> rest = std::async(policy, [&] { return find_merges(node, half, size); });
  for (const Merge &merge : find_merges(node, 0, half)) merges_.add(merge.left, merge.right, merge.merged);
  for (const Merge &merge : rest.get()) merges_.add(merge.left, merge.right, merge.merged);
}

int64_t BpeModel::unk_id() const {
  const auto id = vocabulary_.id_of(*unk_token_);
  if (!id)
    throw Error(ErrorKind::model,
                "tokenizer.json: model.unk_token " + in_quotes(*unk_token_) + " is not in the vocabulary");
  return *id;
}

bool BpeModel::append_bytes(std::string_view text, std::vector<int64_t> &symbols) const {
  std::vector<int64_t> bytes;
  for (const char c : text) {
    const auto id = vocabulary_.id_of(byte_token(c));
    if (!id) return false;
    bytes.push_back(*id);
  }
  symbols.insert(symbols.end(), bytes.begin(), bytes.end());
  return true;
}

std::vector<int64_t> BpeModel::symbols_of(std::string_view piece) const {
  std::vector<int64_t> symbols;
  symbols.reserve(piece.size());
  bool unknown_waits = false;  // for more of its kind, which it may swallow
  const auto flush = [&] {
    if (unknown_waits) symbols.push_back(unk_id());
    unknown_waits = false;
  };
  std::string decorated;
  for (size_t position = 0; position < piece.size();) {
    const size_t length = utf8_step(piece, position).length;
    std::string_view symbol = piece.substr(position, length);
    const bool first = position == 0, last = position + length == piece.size();
    if ((!first && !prefix_.empty()) || (last && !suffix_.empty())) {
      decorated = (first ? "" : prefix_) + std::string(symbol) + (last ? suffix_ : "");
      symbol = decorated;
    }
    position += length;
    if (const auto id = vocabulary_.id_of(symbol)) {
      flush();
      symbols.push_back(*id);
    } else if (byte_fallback_ && append_bytes(symbol, symbols)) {
      continue;  // an unknown character that still waits comes after these bytes, as in the library
    } else if (unk_token_) {
      if (!fuse_unk_) flush();
      unknown_waits = true;
    }
  }
  flush();
  return symbols;
}

void BpeModel::encode(std::string_view piece, std::vector<int64_t> &ids) const {
  if (ignore_merges_) {
    if (const auto id = vocabulary_.id_of(piece)) return ids.push_back(*id);
  }
  std::vector<int64_t> symbols = symbols_of(piece);
  if (symbols.size() <= kShortWord)
    merges_.apply_plain(symbols);
  else
    merges_.apply(symbols);
  ids.insert(ids.end(), symbols.begin(), symbols.end());
}

}  // namespace kvern::tokenizer
