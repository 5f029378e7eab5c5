// The lines of --prompts: a JSON object each.
//
//   {"prompt": "Once upon a time", "id": 7, "max_new_tokens": 20, "seed": 3}
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/run/session.hpp"

namespace kvern::cli {

/// One line. What is wrong with it is found when it is read or when it is given to a model.
struct PromptLine {
  int64_t number = 0;                       ///< from 1
  std::optional<std::string> text;          ///< "prompt"
  std::optional<std::vector<int64_t>> ids;  ///< "input_ids"
  nlohmann::json id;                        ///< passed through; null: none
  std::optional<uint64_t> seed;
  GenerationConfig options;  ///< all other keys, by the names of [generation]
  std::string error;         ///< not empty: "FILE:LINE: what is wrong"
};

/// Lines that are empty are left out, and counted. `name` begins the messages.
std::vector<PromptLine> read_prompt_lines(std::string_view text, const std::string &name);

}  // namespace kvern::cli
