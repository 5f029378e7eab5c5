// How a JSON object with a "type" becomes a component: by a table from type to maker, the same way for every
// kind.
#pragma once
#include <kvern/error.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/tokenizer/load/json_node.hpp"

namespace kvern::tokenizer {

template <class T>
using Makers = std::map<std::string, std::unique_ptr<T> (*)(const JsonNode &)>;

/// Complains about an unknown type with all known ones, and about Sequences nested too deep to be meant.
template <class T>
std::unique_ptr<T> make_component(const JsonNode &node, const Makers<T> &makers) {
  constexpr int kMaxDepth = 40;
  if (node.depth() > kMaxDepth) node.fail("nested too deep");
  const std::string type = node.at("type").string();
  const auto found = makers.find(type);
  if (found != makers.end()) return found->second(node);
  std::vector<std::string> known;
  std::string list;
  for (const auto &[name, maker] : makers) {
    known.push_back(name);
    list.append(list.empty() ? "" : ", ").append(name);
  }
  node.at("type").fail("unknown type '" + type + "'" + did_you_mean(type, known) + "; known are: " + list);
}

/// The usual maker: T's subclass from the node.
template <class T, class Kind>
std::unique_ptr<T> make(const JsonNode &node) {
  return std::make_unique<Kind>(node);
}

}  // namespace kvern::tokenizer
