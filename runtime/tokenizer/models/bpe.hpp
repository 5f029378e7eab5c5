// Byte pair encoding: characters (or bytes) that are merged by rank.
#pragma once
#include "runtime/tokenizer/models/bpe_merges.hpp"
#include "runtime/tokenizer/models/model.hpp"
#include "runtime/tokenizer/models/vocabulary.hpp"

namespace kvern::tokenizer {

class BpeModel : public Model {
 public:
  /// `dropout` is a device of training and is ignored: encoding is deterministic.
  explicit BpeModel(const JsonNode &node);

  void encode(std::string_view piece, std::vector<int64_t> &ids) const override;
  std::optional<int64_t> id_of(std::string_view token) const override { return vocabulary_.id_of(token); }
  const std::string *token_of(int64_t id) const override { return vocabulary_.token_of(id); }
  size_t size() const override { return vocabulary_.size(); }

 private:
  /// A merge as ids.
  struct Merge {
    int64_t left, right, merged;
  };
  void read_merges(const JsonNode &node);
  std::vector<Merge> find_merges(const JsonNode &node, size_t begin, size_t end) const;
  std::vector<int64_t> symbols_of(std::string_view piece) const;
  bool append_bytes(std::string_view text, std::vector<int64_t> &symbols) const;
  int64_t unk_id() const;

  Vocabulary vocabulary_;
  BpeMerges merges_;
  std::optional<std::string> unk_token_;
  std::string prefix_, suffix_;  // continuing_subword_prefix, end_of_word_suffix
  bool fuse_unk_, byte_fallback_, ignore_merges_;
};

}  // namespace kvern::tokenizer
