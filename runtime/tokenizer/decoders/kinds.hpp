// The decoders by their types in tokenizer.json. Each reads its own fields.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "runtime/tokenizer/decoders/decoder.hpp"
#include "runtime/tokenizer/text/pattern.hpp"

namespace kvern::tokenizer {

class SequenceDecoder : public Decoder {
 public:
  explicit SequenceDecoder(const JsonNode &node);
  Tokens apply(Tokens tokens) const override;
  void apply_within(TokenText &token) const override;

 private:
  std::vector<std::unique_ptr<Decoder>> steps_;
};

/// All tokens become one text of bytes; what is not UTF-8 in it becomes U+FFFD.
class ByteLevelDecoder : public Decoder {
 public:
  explicit ByteLevelDecoder(const JsonNode &) {}
  Tokens apply(Tokens tokens) const override;
  void apply_within(TokenText &token) const override;
};

/// Runs of <0x..> become characters, or one U+FFFD each if the whole run is not UTF-8.
class ByteFallbackDecoder : public Decoder {
 public:
  explicit ByteFallbackDecoder(const JsonNode &) {}
  Tokens apply(Tokens tokens) const override;
  void apply_within(TokenText &token) const override;
};

class FuseDecoder : public Decoder {
 public:
  explicit FuseDecoder(const JsonNode &) {}
  Tokens apply(Tokens tokens) const override;
  void apply_within(TokenText &token) const override;
};

class MetaspaceDecoder : public Decoder {
 public:
  explicit MetaspaceDecoder(const JsonNode &node);
  Tokens apply(Tokens tokens) const override;
  void apply_within(TokenText &token) const override;

 private:
  std::string replacement_;
  bool strip_first_;
};

class ReplaceDecoder : public Decoder {
 public:
  explicit ReplaceDecoder(const JsonNode &node);
  Tokens apply(Tokens tokens) const override;
  void apply_within(TokenText &token) const override;

 private:
  Pattern pattern_;
  std::string content_;
};

/// Takes up to `start` times `content` from the beginning of each token and up to `stop` times from its end.
class StripDecoder : public Decoder {
 public:
  explicit StripDecoder(const JsonNode &node);
  Tokens apply(Tokens tokens) const override;
  void apply_within(TokenText &token) const override;

 private:
  std::string content_;
  int64_t start_, stop_;
};

class WordPieceDecoder : public Decoder {
 public:
  explicit WordPieceDecoder(const JsonNode &node);
  Tokens apply(Tokens tokens) const override;
  void apply_within(TokenText &token) const override;

 private:
  std::string prefix_;
  bool cleanup_;
};

/// The first BPE's: a suffix marks the ends of words.
class BpeDecoder : public Decoder {
 public:
  explicit BpeDecoder(const JsonNode &node) : suffix_(node.string_or("suffix", "</w>")) {}
  Tokens apply(Tokens tokens) const override;

 private:
  std::string suffix_;
};

/// For speech models that say a token several times: repetitions and pads go.
class CtcDecoder : public Decoder {
 public:
  explicit CtcDecoder(const JsonNode &node);
  Tokens apply(Tokens tokens) const override;

 private:
  std::string pad_token_, word_delimiter_token_;
  bool cleanup_;
};

}  // namespace kvern::tokenizer
