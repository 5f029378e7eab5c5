// kvern new-cache: a folder with a cache that builds, keeps the rules and generates text as it is.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>

#include "runtime/cli/command.hpp"
#include "runtime/cli/output.hpp"
#include "runtime/cli/run_options.hpp"
#include "runtime/support/read_file.hpp"
#include "runtime/support/share_folder.hpp"

namespace kvern::cli {
namespace {

namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

constexpr const char *kUsage =
    "usage: kvern new-cache NAME [--by slot|verb|decorator|c]\n\n"
    "Makes a folder NAME with a cache of that name: source, CMakeLists.txt, a test, and a README with the "
    "commands to build, "
    "check and\n"
    "use it. It builds, keeps every rule and generates text as it is.\n\n"
    "  slot       one class for the keys and values of one layer; the SDK does the rest\n"
    "  verb       a class with all verbs, for caches that are not shaped like an array\n"
    "  decorator  another cache, changed in what is written\n"
    "  c          C11, with the header of the contract and its helpers alone\n\n";

po::options_description options() {
  po::options_description o("options", 110);
  o.add_options()("by", po::value<std::string>()->default_value("slot")->value_name("slot|verb|decorator|c"),
                  "how the cache is written")("help", "print this");
  return o;
}

/// The name is a file's, a plugin's and part of identifiers.
void check_name(const std::string &name) {
  const auto fits = [](char c) {
    return std::islower(static_cast<unsigned char>(c)) || std::isdigit(static_cast<unsigned char>(c)) ||
           c == '_';
  };
  if (!name.empty() && name.size() <= 64 && std::islower(static_cast<unsigned char>(name[0])) &&
      std::all_of(name.begin(), name.end(), fits))
    return;
  throw Error(
      ErrorKind::usage,
      "new-cache " + name + ": a name is lower-case letters, digits and _, a letter first, as my_cache");
}

/// "MyCache" for "my_cache".
std::string class_name(const std::string &name) {
  std::string result;
  bool upper = true;
  for (const char c : name) {
    if (c != '_') result += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = c == '_';
  }
  return result;
}

fs::path templates(const std::string &kind) {
  const fs::path folder = share_folder() / "templates" / kind;
  if (!fs::is_directory(folder))
    throw Error(ErrorKind::output,
                folder.string() + ": no such folder; new-cache copies from there, install kvern whole");
  return folder;
}

std::string filled(std::string text, const std::string &name) {
  const std::pair<std::string, std::string> marks[] = {{"@NAME@", name}, {"@CLASS@", class_name(name)}};
  for (const auto &[mark, value] : marks)
    for (size_t at = 0; (at = text.find(mark, at)) != text.npos; at += value.size())
      text.replace(at, mark.size(), value);
  return text;
}

void write_file(const fs::path &path, const std::string &text) {
  std::ofstream out(path, std::ios::binary);
  out << text << std::flush;
  if (!out) throw Error(ErrorKind::output, path.string() + ": cannot be written");
}

Strings copy_templates(const fs::path &from, const fs::path &to, const std::string &name) {
  std::error_code failed;
  if (!fs::create_directory(to, failed))
    throw Error(ErrorKind::output,
                to.string() + (failed ? ": " + failed.message() : ": is there already; nothing was written"));
  Strings files;
  for (const auto &entry : fs::directory_iterator(from)) {
    std::string file = filled(entry.path().filename().string(), name);
    if (file.ends_with(".in"))
      file.resize(file.size() - 3);  // sources are no sources before they have a name
    files.push_back(std::move(file));
    write_file(to / files.back(), filled(read_file(entry.path(), ErrorKind::output), name));
  }
  std::sort(files.begin(), files.end());
  return files;
}

int run(const Strings &arguments) {
  const auto o = options();
  const auto map = parse(arguments, o, "name");
  if (map.count("help")) return print_help(kUsage, o);
  const auto kind = one_of(map, "by", {"slot", "verb", "decorator", "c"});
  const auto names = map.count("name") ? map["name"].as<Strings>() : Strings{};
  if (names.size() != 1)
    throw Error(ErrorKind::usage, "give the new cache one name; see kvern new-cache --help");
  const std::string &name = names[0];
  check_name(name);
  const auto files = copy_templates(templates(kind), name, name);
  std::string text;
  for (const std::string &file : files) text += name + "/" + file + "\n";
  write_text(text + "\ncd " + name +
             "\ncmake -B build && cmake --build build\nkvern check ./build/libkvern_" + name +
             ".so\nkvern generate --cache ./build/libkvern_" + name + ".so --prompt \"Once upon a time\"\n");
  return 0;
}

}  // namespace

extern constinit const Command command_new_cache{"new-cache",
                                                 "make a folder with a cache of your own to begin with", run};

}  // namespace kvern::cli
