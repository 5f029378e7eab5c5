#include "tests/reference_runner/case.hpp"

#include <algorithm>
#include <fstream>
#include <kvern/error.hpp>
#include <tuple>

namespace kvern::reference {
namespace fs = std::filesystem;
namespace {

Json read_json(const fs::path &file) {
  std::ifstream in(file);
  auto json = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) throw Error(ErrorKind::input, file.string() + " is not JSON");
  return json;
}

std::vector<fs::path> entries(const fs::path &folder) {
  std::vector<fs::path> list;
  if (fs::is_directory(folder))
    for (const auto &entry : fs::directory_iterator(folder)) list.push_back(entry.path());
  std::sort(list.begin(), list.end());
  return list;
}

void add_json(const fs::path &root, const fs::path &file, std::vector<Case> &cases) {
  if (file.extension() != ".json") return;
  Case c;
  c.json = read_json(file);
  if (!c.json.is_object() || !c.json.contains("kind")) return;
  c.kind = c.json["kind"].get<std::string>();
  c.name = c.kind + "/" + file.stem().string();
  c.root = root;
  c.file = file;
  cases.push_back(std::move(c));
}

void add_chat_lines(const fs::path &root, std::vector<Case> &cases) {
  std::ifstream in(root / "chat" / "cases.jsonl");
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    Case c{"chat_templates",
           "chat_templates/line " + std::to_string(number),
           root,
           root / "chat" / "cases.jsonl",
           {}};
    c.json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (c.json.is_discarded())
      throw Error(ErrorKind::input, c.file.string() + ": line " + std::to_string(number) + " is not JSON");
    cases.push_back(std::move(c));
  }
}

bool ends_with(const std::string &text, const std::string &end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// audio/extractor_KIND/NAME.json
void add_features(const fs::path &root, std::vector<Case> &cases) {
  for (const auto &folder : entries(root / "audio"))
    if (fs::is_directory(folder))
      for (const auto &file : entries(folder)) {
        const size_t before = cases.size();
        add_json(root, file, cases);
        if (cases.size() > before)
          cases.back().name = "log_mel/" + folder.filename().string() + "/" + file.stem().string();
      }
}

void add_trained_models(const fs::path &root, std::vector<Case> &cases) {
  for (const auto &folder : entries(root)) {
    if (!fs::is_regular_file(folder / "config.json")) continue;
    const auto name = folder.filename().string();
    if (ends_with(name, "-sort")) cases.push_back({"sorting", "sorting/" + name, root, folder, {}});
    if (!fs::is_regular_file(folder / "expected.json")) continue;
    const auto expected = read_json(folder / "expected.json");
    int number = 0;
    for (const auto &json : expected.value("cases", Json::array()))
      cases.push_back(
          {"trained_models", "trained_models/" + name + " " + std::to_string(number++), root, folder, json});
  }
}

}  // namespace

std::vector<Case> find_cases(const fs::path &root) {
  if (!fs::is_directory(root)) throw Error(ErrorKind::input, "no folder " + root.string());
  std::vector<Case> cases;
  for (const auto &entry : entries(root / "cases")) {
    if (fs::is_directory(entry))
      for (const auto &file : entries(entry)) add_json(root, file, cases);
    else
      add_json(root, entry, cases);
  }
  for (const auto &folder : entries(root / "tokenizers"))
    if (fs::exists(folder / "encode.jsonl"))
      cases.push_back({"tokenizers", "tokenizers/" + folder.filename().string(), root, folder, {}});
  add_chat_lines(root, cases);
  add_features(root, cases);
  add_trained_models(root, cases);
  std::stable_sort(cases.begin(), cases.end(), [](const Case &a, const Case &b) {
    return std::tie(a.kind, a.name) < std::tie(b.kind, b.name);
  });
  return cases;
}

fs::path model_folder(const Case &c) {
  const auto name = c.json.value("model", std::string());
  const fs::path direct = c.root / name;
  return fs::is_directory(direct) && name.find('/') != std::string::npos ? direct : c.root / "models" / name;
}

}  // namespace kvern::reference
