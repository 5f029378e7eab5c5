// BertProcessing and RobertaProcessing.
#include "runtime/tokenizer/models/vocabulary.hpp"
#include "runtime/tokenizer/post_processors/kinds.hpp"

namespace kvern::tokenizer {
namespace {

// ["[SEP]", 102]
int64_t read_token(const JsonNode &node) {
  const std::vector<JsonNode> items = node.items();
  if (items.size() != 2) node.fail("must be [token, id]");
  return items[1].integer(0, kMaxId);
}

void put_before(Encoding &encoding, int64_t id, int64_t type_id) {
  encoding.ids.insert(encoding.ids.begin(), id);
  encoding.type_ids.insert(encoding.type_ids.begin(), type_id);
  encoding.special_tokens_mask.insert(encoding.special_tokens_mask.begin(), 1);
}

void put_behind(Encoding &encoding, int64_t id, int64_t type_id) {
  encoding.ids.push_back(id);
  encoding.type_ids.push_back(type_id);
  encoding.special_tokens_mask.push_back(1);
}

}  // namespace

BertPostProcessor::BertPostProcessor(const JsonNode &node) : BertPostProcessor(node, false) {}

BertPostProcessor::BertPostProcessor(const JsonNode &node, bool roberta)
    : sep_(read_token(node.at("sep"))), cls_(read_token(node.at("cls"))), roberta_(roberta) {}

Encodings BertPostProcessor::apply(Encodings encodings, bool add_special_tokens) const {
  for (size_t i = 0; i < encodings.size(); ++i) {
    Encoding &encoding = encodings[i];
    if (roberta_) encoding.type_ids.assign(encoding.ids.size(), 0);
    if (!add_special_tokens) continue;
    encoding.special_tokens_mask.assign(encoding.ids.size(), 0);
    if (i == 0) put_before(encoding, cls_, 0);
    if (i > 0 && roberta_) put_before(encoding, sep_, 0);
    put_behind(encoding, sep_, i == 0 || roberta_ ? 0 : 1);
  }
  return encodings;
}

}  // namespace kvern::tokenizer
