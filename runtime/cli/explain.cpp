#include "runtime/cli/explain.hpp"

#include "runtime/cli/table.hpp"
#include "runtime/config/option_text.hpp"
#include "runtime/config/run_options.hpp"

namespace kvern::cli {

std::string explanation(const std::vector<ResolvedValue> &values, bool only_diff) {
  std::vector<std::vector<std::string>> rows{{"key", "value", "from"}};
  for (const auto &v : values) {
    if (only_diff && v.is_default) continue;
    const std::string key = v.section.empty() ? v.key : v.section + "." + v.key;
    rows.push_back({key, v.value ? config::to_toml_value(*v.value) : "unset", v.source});
  }
  return table(rows);
}

namespace {

std::string markdown_row(const OptionDeclaration &declared) {
  const std::string preset = config::default_text(declared);
  return "| `" + std::string(declared.name) + "` | " + required_text(declared) + " | " +
         (preset.empty() ? "" : "`" + preset + "`") + " | " + std::string(declared.help) + " |\n";
}

constexpr const char *kHeading = "value | default | meaning |\n|---|---|---|---|\n";

}  // namespace

std::string options_markdown() {
  std::string text = std::string("| key | ") + kHeading;
  for (const auto &option : config::run_options()) text += markdown_row(option.declared);
  text += std::string("\n| key of `[generation]` | ") + kHeading;
  for (const OptionDeclaration *declared : generation_options()) text += markdown_row(*declared);
  return text;
}

}  // namespace kvern::cli
