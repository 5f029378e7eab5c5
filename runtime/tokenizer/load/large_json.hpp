// Reading a tokenizer.json of megabytes: its merges, which are half of it, are parsed beside the rest.
#pragma once
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace kvern::tokenizer {

/// Characters [begin, end) of a text.
struct TextRange {
  size_t begin = 0, end = 0;

  size_t size() const { return end - begin; }
};

/// The array of model.merges. Empty where there is none, or several. Of a text that is no JSON anything.
TextRange find_merges(std::string_view text);

/// As parse_json (json_node.hpp), with two threads where the merges have at least `least` characters.
nlohmann::json parse_tokenizer_json(std::string_view text, const std::string &file, size_t least = 1 << 18);

}  // namespace kvern::tokenizer
