// The pre-tokenizers by their types in tokenizer.json. Each reads its own fields.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "runtime/tokenizer/pre_tokenizers/pre_tokenizer.hpp"
#include "runtime/tokenizer/text/pattern.hpp"

namespace kvern::tokenizer {

class SequencePreTokenizer : public PreTokenizer {
 public:
  explicit SequencePreTokenizer(const JsonNode &node);
  void apply(Pieces &pieces) const override;

 private:
  std::vector<std::unique_ptr<PreTokenizer>> steps_;
};

/// GPT-2's: words by its regular expression (use_regex), then every byte as a visible character.
class ByteLevelPreTokenizer : public PreTokenizer {
 public:
  explicit ByteLevelPreTokenizer(const JsonNode &node);
  void apply(Pieces &pieces) const override;

 private:
  bool add_prefix_space_, use_regex_;
};

/// sentencepiece's: spaces become a visible character, which words keep at their beginning.
class MetaspacePreTokenizer : public PreTokenizer {
 public:
  explicit MetaspacePreTokenizer(const JsonNode &node);
  void apply(Pieces &pieces) const override;

 private:
  std::string replacement_;
  std::string scheme_;  // always, first, never
  bool split_;
};

class SplitPreTokenizer : public PreTokenizer {
 public:
  explicit SplitPreTokenizer(const JsonNode &node);
  void apply(Pieces &pieces) const override;

 private:
  Pattern pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

class DigitsPreTokenizer : public PreTokenizer {
 public:
  explicit DigitsPreTokenizer(const JsonNode &node)
      : individual_(node.boolean_or("individual_digits", false)) {}
  void apply(Pieces &pieces) const override;

 private:
  bool individual_;
};

class PunctuationPreTokenizer : public PreTokenizer {
 public:
  explicit PunctuationPreTokenizer(const JsonNode &node);
  void apply(Pieces &pieces) const override;

 private:
  SplitBehavior behavior_;
};

class DelimiterPreTokenizer : public PreTokenizer {
 public:
  explicit DelimiterPreTokenizer(const JsonNode &node) : delimiter_(node.at("delimiter").character()) {}
  void apply(Pieces &pieces) const override;

 private:
  char32_t delimiter_;
};

class FixedLengthPreTokenizer : public PreTokenizer {
 public:
  explicit FixedLengthPreTokenizer(const JsonNode &node);
  void apply(Pieces &pieces) const override;

 private:
  size_t length_;  // in characters
};

class WhitespaceSplitPreTokenizer : public PreTokenizer {
 public:
  explicit WhitespaceSplitPreTokenizer(const JsonNode &) {}
  void apply(Pieces &pieces) const override;
};

/// Runs of word characters and runs of everything else but spaces.
class WhitespacePreTokenizer : public PreTokenizer {
 public:
  explicit WhitespacePreTokenizer(const JsonNode &) {}
  void apply(Pieces &pieces) const override;
};

class BertPreTokenizer : public PreTokenizer {
 public:
  explicit BertPreTokenizer(const JsonNode &) {}
  void apply(Pieces &pieces) const override;
};

class UnicodeScriptsPreTokenizer : public PreTokenizer {
 public:
  explicit UnicodeScriptsPreTokenizer(const JsonNode &) {}
  void apply(Pieces &pieces) const override;
};

/// Reads the field `behavior`; absent: isolated.
SplitBehavior read_behavior(const JsonNode &node);

}  // namespace kvern::tokenizer
