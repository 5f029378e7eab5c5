#include "check/program_text.hpp"

#include <cstdio>
#include <sstream>

namespace kvern::conformance {
namespace {

std::string quoted(const std::string &text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (static_cast<unsigned char>(c) < 32) continue;
    result += c;
  }
  return result + "\"";
}

std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

std::string expression(const kvern_option &option);

std::string list_of(const kvern_option &option) {
  std::string text;
  for (uint32_t i = 0; i < option.n_items; ++i) text += (i ? ", " : "") + expression(*option.items[i]);
  return "{" + text + "}";
}

/// A call of Config that makes this option.
std::string expression(const kvern_option &option) {
  const std::string key = quoted(option.key ? option.key : "") + ", ";
  switch (option.type) {
    case KVERN_BOOL:
      return "config.boolean(" + key + (option.i ? "true)" : "false)");
    case KVERN_INT:
      return "config.integer(" + key + std::to_string(option.i) + ")";
    case KVERN_FLOAT:
      return "config.number(" + key + number(option.f) + ")";
    case KVERN_STRING:
      return "config.string(" + key + quoted(option.s ? option.s : "") + ")";
    case KVERN_TABLE:
      return "config.table(" + key + list_of(option) + ")";
    default:
      return "config.array(" + key + list_of(option) + ")";
  }
}

std::string options_text(const SubjectOptions &options) {
  std::string text = "  SubjectOptions options;\n";
  if (!options.options.empty()) {
    std::string list;
    for (const kvern_option *option : options.options)
      list += (list.empty() ? "" : ", ") + expression(*option);
    text = "  Config config;\n" + text + "  options.options = {" + list + "};\n";
  }
  if (options.tolerance > 0) text += "  options.tolerance = " + number(options.tolerance) + ";\n";
  if (options.first_tokens > 0)
    text += "  options.first_tokens = " + std::to_string(options.first_tokens) + ";\n";
  if (options.many_kinds) text += "  options.many_kinds = true;\n";
  return text;
}

/// In one line, so that it can stand in a comment.
std::string one_line(std::string text) {
  for (char &c : text)
    if (static_cast<unsigned char>(c) < 32) c = ' ';
  return text;
}

}  // namespace

std::string program_text(const std::string &library, const SubjectOptions &options, bool moving,
                         const std::string &lines, const std::string &what) {
  std::string text =
      "#include \"check/config.hpp\"\n#include \"check/probe.hpp\"\n#include \"check/program.hpp\"\n\n"
      "int main() {\n  using namespace kvern::conformance;\n" +
      options_text(options) + "  const Subject subject = open_subject(" + quoted(library) + ", options);\n" +
      "  Program p(subject, " + (moving ? "true" : "false") + ");\n";
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);)
    text += "  " + line + (line.starts_with("p.seed") ? " " : "\n");
  return text + "  p.check();\n  p.finish();  // " + one_line(what) + "\n}\n";
}

}  // namespace kvern::conformance
