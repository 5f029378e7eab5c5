// What a terminal shows of a generation while it runs: the text, or how far it is.
#pragma once
#include <kvern/generation.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/cli/logprobs.hpp"
#include "runtime/cli/progress.hpp"
#include "runtime/tokenizer/decode_stream.hpp"

namespace kvern::cli {

/// Shows the prompt, unless it is not echoed, and one row's text as it grows: each part as soon as no later token can change it.
class TextStream {
 public:
  /// A prompt given as ids (no `text`) is decoded.
  TextStream(const Tokenizer &tokenizer, const std::optional<std::string> &text,
             const std::vector<int64_t> &ids, bool echo);
  void push(int64_t id);
  void finish();

 private:
  DecodeStream decoder_;
};

class GenerationWatch {
 public:
  /// `most_tokens`: that a row may get. `stream`: makes the stream at the first token; empty: progress is shown instead.
  GenerationWatch(int64_t most_tokens, std::function<TextStream()> stream, Logprobs *logprobs);
  GenerationWatch(const GenerationWatch &) = delete;

  /// They refer to this object.
  GenerationEvents events();
  /// Takes the progress line away. True: the text is on the terminal, and its line is ended now.
  bool finish();

 private:
  void on_prefill(int64_t done, int64_t total);
  void on_logits(int64_t step, const at::Tensor &logits);
  void on_tokens(const std::vector<int64_t> &next);

  int64_t most_tokens_;
  std::function<TextStream()> make_stream_;
  Logprobs *logprobs_;
  std::optional<TextStream> stream_;
  std::optional<Progress> progress_;
};

}  // namespace kvern::cli
