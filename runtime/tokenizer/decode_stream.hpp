// Text that appears while tokens arrive.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/tokenizer/text/space_cleanup.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace kvern {

/// What a DecodeStream's parts, one behind the other, amount to.
enum class StreamAs {
  text,  ///< Tokenizer::text, or Tokenizer::continuation of a prompt: for people. Never fails; where later ids change
  ///< what earlier ones meant (bytes that turn out to be no UTF-8), what was given stays and the new ids are
  ///< decoded on their own.
  library,  ///< tokenizers.decoders.DecodeStream, part by part; there such ids are an Error (input), "Invalid
            ///< prefix encountered".
};

/// Belongs to one thread at a time.
class DecodeStream {
 public:
  DecodeStream(const Tokenizer &tokenizer, bool skip_special_tokens, StreamAs as = StreamAs::text);
  /// The text that follows that of `prompt`, which the caller has shown.
  DecodeStream(const Tokenizer &tokenizer, bool skip_special_tokens, std::span<const int64_t> prompt);

  /// The text that the next id adds, or nothing if it completes no character yet.
  std::optional<std::string> push(int64_t id);
  /// The rest: incomplete characters as U+FFFD, and what a later token could still have changed. The stream
  /// is empty then.
  std::string finish();

 private:
  std::string decode(std::span<const int64_t> ids) const;
  std::optional<std::string> step(int64_t id);
  bool is_incomplete(const std::string &all) const;
  std::string since_prefix(const std::string &all);
  bool adds_nothing(int64_t id) const;

  Tokenizer tokenizer_;
  bool skip_special_tokens_;
  StreamAs as_;
  // The ids of the last part (context: it decides how the next ids are decoded), then those without a part yet.
  std::vector<int64_t> ids_;
  std::string prefix_;     // the decoded first part of ids_
  size_t prefix_ids_ = 0;  // how many ids that is
  tokenizer::SpaceCleanup cleanup_;
};

}  // namespace kvern
