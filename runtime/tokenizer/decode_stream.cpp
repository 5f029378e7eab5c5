// The algorithm of the tokenizers library: decode the last ids with the new ones, give what is behind the
// known text.
#include "runtime/tokenizer/decode_stream.hpp"

#include <kvern/error.hpp>
#include <span>
#include <utility>

#include "runtime/tokenizer/text/utf8.hpp"
#include "runtime/tokenizer/whisper.hpp"

namespace kvern {

DecodeStream::DecodeStream(const Tokenizer &tokenizer, bool skip_special_tokens, StreamAs as)
    : tokenizer_(tokenizer), skip_special_tokens_(skip_special_tokens), as_(as) {}

std::string DecodeStream::decode(std::span<const int64_t> ids) const {
  return as_ == StreamAs::library ? tokenizer_.decode(ids, skip_special_tokens_)
                                  : tokenizer_.raw_text(ids, skip_special_tokens_);
}

// What `all`, decoded from ids_, has beyond what was given already.
std::string DecodeStream::since_prefix(const std::string &all) {
  if (all.starts_with(prefix_)) return all.substr(prefix_.size());
  if (as_ == StreamAs::library) throw Error(ErrorKind::input, "Invalid prefix encountered");
  return decode(std::span(ids_).subspan(prefix_ids_));
}

std::optional<std::string> DecodeStream::step(int64_t id) {
  ids_.push_back(id);
  const std::string all = decode(ids_);
  if (all.size() <= prefix_.size() || all.ends_with(tokenizer::kReplacementCharacter)) return std::nullopt;
  std::string part = since_prefix(all);
  ids_.erase(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(prefix_ids_));
  prefix_ids_ = ids_.size();
  prefix_ = decode(ids_);
  return part;
}

std::optional<std::string> DecodeStream::push(int64_t id) {
  if (as_ == StreamAs::library) return step(id);
  if (tokenizer_.leaves_out(id)) return std::nullopt;
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
