// One case of reference data and where its files are; and the search for cases in a folder.
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace kvern::reference {

using Json = nlohmann::json;

struct Case {
  std::string kind, name;            ///< "greedy", "greedy/llama__long_prompt"
  std::filesystem::path root, file;  ///< the folder given on the command line; the case's own file or folder
  Json json;                         ///< empty for kinds that are folders or lists of lines
};

/// Every case below `root`, by content: cases/KIND/*.json, cases/*.json (kind inside), tokenizers/NAME/ with
/// an encode.jsonl (kind "tokenizers"), audio/FOLDER/*.json (kind "log_mel"), chat/cases.jsonl (kind "chat_templates", a case per line),
/// NAME/expected.json beside a model ("trained_models"). Sorted by kind and name. Throws Error(input) for a
/// file that is no JSON.
std::vector<Case> find_cases(const std::filesystem::path &root);

/// The model's folder: `model` of the case below root or below root/models.
std::filesystem::path model_folder(const Case &c);

}  // namespace kvern::reference
