// Typed access to JSON with messages; nlohmann's own exceptions never leave this file.
#include "runtime/tokenizer/load/json_node.hpp"

#include <kvern/error.hpp>
#include <utility>

#include "runtime/support/json_depth.hpp"
#include "runtime/support/printable.hpp"
#include "runtime/support/read_file.hpp"
#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::tokenizer {

JsonNode::JsonNode(const nlohmann::json &value, std::string file)
    : JsonNode(value, std::make_shared<const std::string>(std::move(file)), "", 0) {}

JsonNode::JsonNode(const nlohmann::json &value, std::shared_ptr<const std::string> file, std::string key,
                   int depth)
    : value_(&value), file_(std::move(file)), key_(std::move(key)), depth_(depth) {}

void JsonNode::fail(const std::string &message) const {
  constexpr size_t kMaxMessage = 1000;
  throw Error(ErrorKind::model,
              printable(*file_ + ": " + (key_.empty() ? "" : key_ + ": ") + message, kMaxMessage));
}

bool JsonNode::has(std::string_view key) const {
  if (!value_->is_object()) return false;
  const auto found = value_->find(key);
  return found != value_->end() && !found->is_null();
}

JsonNode JsonNode::at(std::string_view key) const {
  if (!value_->is_object()) fail(std::string("must be an object, not ") + value_->type_name());
  const auto found = value_->find(key);
  if (found == value_->end()) fail("has no '" + std::string(key) + "'");
  return {*found, file_, (key_.empty() ? "" : key_ + ".") + std::string(key), depth_ + 1};
}

std::vector<JsonNode> JsonNode::items() const {
  if (!value_->is_array()) fail(std::string("must be an array, not ") + value_->type_name());
  std::vector<JsonNode> nodes;
  for (size_t i = 0; i < value_->size(); ++i)
    nodes.push_back({(*value_)[i], file_, key_ + "[" + std::to_string(i) + "]", depth_ + 1});
  return nodes;
}

std::string JsonNode::string() const {
  if (!value_->is_string()) fail(std::string("must be a string, not ") + value_->type_name());
  return value_->get<std::string>();
}

bool JsonNode::boolean() const {
  if (!value_->is_boolean()) fail(std::string("must be true or false, not ") + value_->type_name());
  return value_->get<bool>();
}

int64_t JsonNode::integer(int64_t low, int64_t high) const {
  const bool fits =
      value_->is_number_integer() &&
      !(value_->is_number_unsigned() && value_->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX));
  const int64_t value = fits ? value_->get<int64_t>() : low - 1;
  if (!fits || value < low || value > high)
    fail("must be an integer from " + std::to_string(low) + " to " + std::to_string(high));
  return value;
}

char32_t JsonNode::character() const {
  const std::string text = string();
  size_t position = 0;
  const char32_t c = text.empty() ? 0 : next_char(text, position);
  if (text.empty() || position != text.size()) fail("must be one character, not '" + text + "'");
  return c;
}

std::string JsonNode::string_or(std::string_view key, std::string_view otherwise) const {
  return has(key) ? at(key).string() : std::string(otherwise);
}

bool JsonNode::boolean_or(std::string_view key, bool otherwise) const {
  return has(key) ? at(key).boolean() : otherwise;
}

int64_t JsonNode::integer_or(std::string_view key, int64_t low, int64_t high, int64_t otherwise) const {
  return has(key) ? at(key).integer(low, high) : otherwise;
}

nlohmann::json parse_json(std::string_view text, const std::string &file) {
  check_json_depth(text, file);
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error &e) {
    throw Error(ErrorKind::model, file + ": not a JSON file: an error at byte " + std::to_string(e.byte) +
                                      ": " + printable(e.what(), 500));
  } catch (const nlohmann::json::exception &e) {  // a number that is too large
    throw Error(ErrorKind::model, file + ": " + e.what());
  }
}

nlohmann::json read_json_file(const std::filesystem::path &file) {
  return parse_json(read_file(file, ErrorKind::model), file.string());
}

}  // namespace kvern::tokenizer
