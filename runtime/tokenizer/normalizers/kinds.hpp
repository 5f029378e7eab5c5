// The normalizers by their types in tokenizer.json. Each reads its own fields.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/tokenizer/normalizers/normalizer.hpp"
#include "runtime/tokenizer/text/pattern.hpp"
#include "runtime/tokenizer/text/unicode.hpp"

namespace kvern::tokenizer {

class SequenceNormalizer : public Normalizer {
 public:
  explicit SequenceNormalizer(const JsonNode &node);
  void apply(Piece &piece) const override;

 private:
  std::vector<std::unique_ptr<Normalizer>> steps_;
};

template <NormalForm form>
class UnicodeFormNormalizer : public Normalizer {
 public:
  explicit UnicodeFormNormalizer(const JsonNode &) {}
  void apply(Piece &piece) const override { piece.text = normalize(piece.text, form); }
};

class LowercaseNormalizer : public Normalizer {
 public:
  explicit LowercaseNormalizer(const JsonNode &) {}
  void apply(Piece &piece) const override;
};

class StripNormalizer : public Normalizer {
 public:
  explicit StripNormalizer(const JsonNode &node);
  void apply(Piece &piece) const override;

 private:
  bool left_, right_;
};

class StripAccentsNormalizer : public Normalizer {
 public:
  explicit StripAccentsNormalizer(const JsonNode &) {}
  void apply(Piece &piece) const override;
};

/// sentencepiece's "nmt": drops control characters, makes every kind of space a space.
class NmtNormalizer : public Normalizer {
 public:
  explicit NmtNormalizer(const JsonNode &) {}
  void apply(Piece &piece) const override;
};

class PrependNormalizer : public Normalizer {
 public:
  explicit PrependNormalizer(const JsonNode &node) : prefix_(node.at("prepend").string()) {}
  void apply(Piece &piece) const override;

 private:
  std::string prefix_;
};

class ReplaceNormalizer : public Normalizer {
 public:
  explicit ReplaceNormalizer(const JsonNode &node);
  void apply(Piece &piece) const override;

 private:
  Pattern pattern_;
  std::string content_;
};

class ByteLevelNormalizer : public Normalizer {
 public:
  explicit ByteLevelNormalizer(const JsonNode &) {}
  void apply(Piece &piece) const override;
};

class BertNormalizer : public Normalizer {
 public:
  explicit BertNormalizer(const JsonNode &node);
  void apply(Piece &piece) const override;

 private:
  bool clean_text_, handle_chinese_chars_, lowercase_, strip_accents_;
};

/// sentencepiece's compiled map from short byte strings to replacements (a Darts double array and a text).
class PrecompiledNormalizer : public Normalizer {
 public:
  explicit PrecompiledNormalizer(const JsonNode &node);
  void apply(Piece &piece) const override;

 private:
  /// The replacement of the shortest mapped beginning of `part`, or nullptr.
  const char *lookup(std::string_view part) const;

  std::vector<uint32_t> units_;
  std::string replacements_;  // each ends with a zero byte
};

}  // namespace kvern::tokenizer
