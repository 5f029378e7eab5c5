// The algorithm of the tokenizers library: decode the last ids together with the new ones and return what follows the
// known text.
#include "runtime/tokenizer/decode_stream.hpp"

#include <kvern/error.hpp>
#include <span>
#include <utility>

#include "runtime/tokenizer/text/utf8.hpp"
#include "runtime/tokenizer/whisper.hpp"

namespace kvern {
namespace {

// Ids that may wait for a character to be completed (by 3 more bytes at most): more are invalid UTF-8, which would
// be decoded again with every id.
constexpr size_t kMaxPendingIds = 64;

}  // namespace

DecodeStream::DecodeStream(const Tokenizer &tokenizer, bool skip_special_tokens, StreamAs as)
    : tokenizer_(tokenizer), skip_special_tokens_(skip_special_tokens), as_(as) {}

DecodeStream::DecodeStream(const Tokenizer &tokenizer, bool skip_special_tokens,
                           std::span<const int64_t> prompt)
    : DecodeStream(tokenizer, skip_special_tokens) {
  for (const int64_t id : prompt)
    if (!adds_nothing(id)) step(id);
  prefix_ = decode(ids_);
  prefix_ids_ = ids_.size();
}

std::string DecodeStream::decode(std::span<const int64_t> ids) const {
  return as_ == StreamAs::library ? tokenizer_.decode(ids, skip_special_tokens_)
                                  : tokenizer_.raw_text(ids, skip_special_tokens_);
}

// What `all`, decoded from ids_, has beyond what was given already.
std::string DecodeStream::since_prefix(const std::string &all) {
  if (all.starts_with(prefix_)) return all.substr(prefix_.size());
  if (as_ == StreamAs::library) throw Error(ErrorKind::input, "Invalid prefix encountered");
  if (const auto added = tokenizer::added_text(prefix_, all)) return std::string(*added);
  return decode(std::span(ids_).subspan(prefix_ids_));
}

bool DecodeStream::is_incomplete(const std::string &all) const {
  if (all.ends_with(tokenizer::kReplacementCharacter)) return true;
  if (as_ == StreamAs::library) return all.size() <= prefix_.size();
  return tokenizer::added_text(prefix_, all) == "";
}

std::optional<std::string> DecodeStream::step(int64_t id) {
  ids_.push_back(id);
  const std::string all = decode(ids_);
  const bool must_give = as_ == StreamAs::text && ids_.size() - prefix_ids_ >= kMaxPendingIds;
  if (is_incomplete(all) && !must_give) return std::nullopt;
  std::string part = since_prefix(all);
  ids_.erase(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(prefix_ids_));
  prefix_ids_ = ids_.size();
  prefix_ = decode(ids_);
  return part;
}

bool DecodeStream::adds_nothing(int64_t id) const {
  return tokenizer_.leaves_out(id) || (skip_special_tokens_ && tokenizer_.is_special(id));
}

std::optional<std::string> DecodeStream::push(int64_t id) {
  if (as_ == StreamAs::library) return step(id);
  if (adds_nothing(id)) return std::nullopt;
  const std::optional<std::string> part = step(id);
  if (!part || !tokenizer_.cleans_up_spaces()) return part;
  std::string cleaned = cleanup_.push(*part);
  if (cleaned.empty()) return std::nullopt;
  return cleaned;
}

std::string DecodeStream::finish() {
  const std::string all = decode(ids_);
  std::string rest = ids_.size() > prefix_ids_ ? since_prefix(all) : "";
  if (as_ == StreamAs::text && tokenizer_.cleans_up_spaces()) rest = cleanup_.push(rest) + cleanup_.finish();
  ids_.clear();
  prefix_.clear();
  prefix_ids_ = 0;
  return rest;
}

}  // namespace kvern
