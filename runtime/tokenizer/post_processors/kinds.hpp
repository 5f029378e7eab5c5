// The post-processors by their types in tokenizer.json. Each reads its own fields.
#pragma once
#include <map>
#include <string>

#include "runtime/tokenizer/post_processors/post_processor.hpp"

namespace kvern::tokenizer {

class SequencePostProcessor : public PostProcessor {
 public:
  explicit SequencePostProcessor(const JsonNode &node);
  Encodings apply(Encodings encodings, bool add_special_tokens) const override;

 private:
  std::vector<std::unique_ptr<PostProcessor>> steps_;
};

/// Only moves offsets, of which there are none here.
class ByteLevelPostProcessor : public PostProcessor {
 public:
  explicit ByteLevelPostProcessor(const JsonNode &) {}
  Encodings apply(Encodings encodings, bool) const override { return encodings; }
};

/// A list of special tokens and texts, one list for a single text and one for a pair.
class TemplatePostProcessor : public PostProcessor {
 public:
  explicit TemplatePostProcessor(const JsonNode &node);
  Encodings apply(Encodings encodings, bool add_special_tokens) const override;

 private:
  struct Part {
    int text;  // 0 or 1: that text; -1: the ids
    std::vector<int64_t> ids;
    int64_t type_id;
  };
  std::vector<Part> read_parts(const JsonNode &node, const JsonNode &tokens, int texts) const;

  std::vector<Part> single_, pair_;
};

/// [CLS] A [SEP] B [SEP]; RoBERTa's has one more [SEP] before B, and type 0 everywhere.
class BertPostProcessor : public PostProcessor {
 public:
  explicit BertPostProcessor(const JsonNode &node);
  Encodings apply(Encodings encodings, bool add_special_tokens) const override;

 protected:
  BertPostProcessor(const JsonNode &node, bool roberta);

 private:
  int64_t sep_, cls_;
  bool roberta_;
};

class RobertaPostProcessor : public BertPostProcessor {
 public:
  explicit RobertaPostProcessor(const JsonNode &node) : BertPostProcessor(node, true) {}
};

}  // namespace kvern::tokenizer
