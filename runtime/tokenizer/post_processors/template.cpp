// TemplateProcessing.
#include <kvern/error.hpp>
#include <utility>

#include "runtime/tokenizer/models/vocabulary.hpp"
#include "runtime/tokenizer/post_processors/kinds.hpp"

namespace kvern::tokenizer {
namespace {

int read_text(const JsonNode &id, int texts) {
  const std::string name = id.string();
  const int text = name == "A" ? 0 : name == "B" ? 1 : -1;
  if (text < 0 || text >= texts)
    id.fail("must be " + std::string(texts == 1 ? "A" : "A or B") + ", not '" + name + "'");
  return text;
}

std::vector<int64_t> read_ids(const JsonNode &id, const JsonNode &tokens) {
  const std::string name = id.string();
  if (!tokens.has(name)) id.fail("'" + name + "' is not among the post-processor's special_tokens");
  std::vector<int64_t> ids;
  for (const JsonNode &item : tokens.at(name).at("ids").items()) ids.push_back(item.integer(0, kMaxId));
  return ids;
}

}  // namespace

TemplatePostProcessor::TemplatePostProcessor(const JsonNode &node)
    : single_(read_parts(node.at("single"), node.at("special_tokens"), 1)),
      pair_(read_parts(node.at("pair"), node.at("special_tokens"), 2)) {}

std::vector<TemplatePostProcessor::Part> TemplatePostProcessor::read_parts(const JsonNode &node,
                                                                           const JsonNode &tokens,
                                                                           int texts) const {
  std::vector<Part> parts;
  for (const JsonNode &item : node.items()) {
    const bool special = item.has("SpecialToken");
    const JsonNode body = special ? item.at("SpecialToken") : item.at("Sequence");
    const int64_t type_id = body.at("type_id").integer(0, kMaxId);
    if (special)
      parts.push_back({-1, read_ids(body.at("id"), tokens), type_id});
    else
      parts.push_back({read_text(body.at("id"), texts), {}, type_id});
  }
  return parts;
}

Encodings TemplatePostProcessor::apply(Encodings encodings, bool add_special_tokens) const {
  if (encodings.size() != 1 && encodings.size() != 2)
    throw Error(ErrorKind::model,
                "tokenizer.json: post_processor: TemplateProcessing follows another processor that "
                "has put the texts together already");
  Encodings result;
  for (const Part &part : encodings.size() == 1 ? single_ : pair_) {
    if (part.text >= 0) {
      Encoding text = encodings[static_cast<size_t>(part.text)];
      text.type_ids.assign(text.ids.size(), part.type_id);
      result.push_back(std::move(text));
    } else if (add_special_tokens) {
      const size_t count = part.ids.size();
      result.push_back({part.ids, std::vector<int64_t>(count, part.type_id), std::vector<int64_t>(count, 1)});
    }
  }
  return result;
}

}  // namespace kvern::tokenizer
