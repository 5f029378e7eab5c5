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
  text,  ///< Tokenizer::text: for people. Never fails; where later ids change what earlier ones meant (bytes
         ///< that turn out to be no UTF-8), what was given stays and the new ids are decoded on their own.
  library,  ///< tokenizers.decoders.DecodeStream, part by part; there such ids are an Error (input), "Invalid
            ///< prefix encountered".
};

/// Belongs to one thread at a time.
class DecodeStream {
 public:
  DecodeStream(const Tokenizer &tokenizer, bool skip_special_tokens, StreamAs as = StreamAs::text);

  /// The text that the next id adds, or nothing if it completes no character yet.
  std::optional<std::string> push(int64_t id);
  /// The rest: incomplete characters as U+FFFD, and what a later token could still have changed. The stream
  /// is empty then.
  std::string finish();

 private:
  std::string decode(std::span<const int64_t> ids) const;
  std::optional<std::string> step(int64_t id);
  std::string since_prefix(const std::string &all);

  Tokenizer tokenizer_;
  bool skip_special_tokens_;
  StreamAs as_;
  // ids_ = what the last part came from (kept because it decides how the next ids are decoded), then what is
  // new
  std::vector<int64_t> ids_;
  std::string prefix_;     // the decoded first part of ids_
  size_t prefix_ids_ = 0;  // how many ids that is
  tokenizer::SpaceCleanup cleanup_;
};

}  // namespace kvern
