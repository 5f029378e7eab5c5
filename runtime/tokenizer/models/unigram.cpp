// The best path by dynamic programming over the ends of tokens.
#include "runtime/tokenizer/models/unigram.hpp"

#include <algorithm>
#include <kvern/error.hpp>
#include <limits>

#include "runtime/support/printable.hpp"
#include "runtime/tokenizer/models/byte_token.hpp"
#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::tokenizer {
namespace {

constexpr double kUnknownPenalty = 10.0;
constexpr size_t kNowhere = std::numeric_limits<size_t>::max();

struct PathEnd {
  double score = 0;
  size_t start = kNowhere;  // of the last token of the best path that ends here
  bool unknown = false;

  void offer(double new_score, size_t new_start, bool is_unknown) {
    if (start != kNowhere && new_score <= score) return;
    *this = {new_score, new_start, is_unknown};
  }
};

}  // namespace

UnigramModel::UnigramModel(const JsonNode &node)
    : min_score_(std::numeric_limits<double>::infinity()),
      byte_fallback_(node.boolean_or("byte_fallback", false)) {
  const JsonNode vocab = node.at("vocab");
  if (!vocab.json().is_array()) vocab.fail(std::string("must be an array, not ") + vocab.json().type_name());
  for (const nlohmann::json &entry : vocab.json()) {
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number())
      vocab.fail("entry " + std::to_string(tokens_.size()) + " must be [token, score]");
    const auto id = static_cast<int64_t>(tokens_.size());
    tokens_.push_back(entry[0].get<std::string>());
    scores_.push_back(entry[1].get<double>());
    vocabulary_.add(tokens_.back(), id);
    min_score_ = std::min(min_score_, scores_.back());
  }
  // of equal tokens the last id counts
  for (const std::string &token : tokens_)
    trie_.insert(token, static_cast<uint32_t>(*vocabulary_.id_of(token)));
  if (node.has("unk_id")) unk_id_ = node.at("unk_id").integer(0, static_cast<int64_t>(tokens_.size()) - 1);
}

const std::string *UnigramModel::token_of(int64_t id) const {
  return id >= 0 && id < static_cast<int64_t>(tokens_.size()) ? &tokens_[static_cast<size_t>(id)] : nullptr;
}

int64_t UnigramModel::unk_id(std::string_view text) const {
  if (unk_id_) return *unk_id_;
  throw Error(ErrorKind::input, "the tokenizer has no token for " + in_quotes(text) + " and no unk_id");
}

std::vector<std::string_view> UnigramModel::best_cut(std::string_view piece) const {
  std::vector<PathEnd> ends(piece.size() + 1);
  TrieSteps steps(piece.size());
  for (size_t start = 0; start < piece.size();) {
    const size_t length = utf8_step(piece, start).length;
    const double score = ends[start].score;
    bool covers_character = false;
    const size_t walked = trie_.each_prefix(piece.substr(start), [&](size_t token_length, uint32_t id) {
      ends[start + token_length].offer(scores_[id] + score, start,
                                       unk_id_ && static_cast<int64_t>(id) == *unk_id_);
      covers_character |= token_length == length;
    });
    steps.take(walked);
    if (!covers_character) {
      unk_id(piece.substr(start, length));
      ends[start + length].offer(min_score_ - kUnknownPenalty + score, start, true);
    }
    start += length;
  }
  std::vector<std::string_view> cut;
  bool fuse = false;
  for (size_t end = piece.size(); end > 0; end = ends[end].start) {
    const size_t start = ends[end].start;
    if (fuse && ends[end].unknown)  // neighbouring unknown characters are one token
      cut.back() = piece.substr(start, cut.back().size() + end - start);
    else
      cut.push_back(piece.substr(start, end - start));
    fuse = ends[end].unknown;
  }
  std::reverse(cut.begin(), cut.end());
  return cut;
}

void UnigramModel::append_unknown(std::string_view text, std::vector<int64_t> &ids) const {
  std::vector<int64_t> bytes;
  for (const char c : text) {
    const auto id = byte_fallback_ ? vocabulary_.id_of(byte_token(c)) : std::nullopt;
    if (!id) return ids.push_back(unk_id(text));
    bytes.push_back(*id);
  }
  ids.insert(ids.end(), bytes.begin(), bytes.end());
}

void UnigramModel::encode(std::string_view piece, std::vector<int64_t> &ids) const {
  for (const std::string_view token : best_cut(piece)) {
    if (const auto id = vocabulary_.id_of(token))
      ids.push_back(*id);
    else
      append_unknown(token, ids);
  }
}

}  // namespace kvern::tokenizer
