#include "tests/support/process.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "tests/support/temporary_folder.hpp"

namespace kvern::test {
namespace {

std::string quoted(const std::string &word) {
  std::string text(1, '\'');
  for (const char c : word) c == '\'' ? text.append("'\\''") : text.append(1, c);
  text.append(1, '\'');
  return text;
}

std::string contents(const std::filesystem::path &file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string required(const char *variable) {
  const char *value = std::getenv(variable);
  if (!value) throw std::runtime_error(std::string(variable) + " is not set: run the tests with ctest");
  return value;
}

}  // namespace

Ran run(const std::vector<std::string> &command, const std::string &input,
        const std::vector<std::string> &environment) {
  const TemporaryFolder folder;
  std::ofstream(folder / "in", std::ios::binary) << input;
  std::string line;
  for (const auto &variable : environment) {
    const auto equals = variable.find('=');
    line.append(variable, 0, equals + 1).append(quoted(variable.substr(equals + 1))).append(" ");
  }
  for (const auto &word : command) line.append(quoted(word)).append(" ");
  line.append("<").append(quoted((folder / "in").string()));
  line.append(" >").append(quoted((folder / "out").string()));
  line.append(" 2>").append(quoted((folder / "err").string()));
  const int status = std::system(line.c_str());
  Ran ran;
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  ran.out = contents(folder / "out");
  ran.err = contents(folder / "err");
  return ran;
}

std::string program(const std::string &name) { return required("KVERN_BUILD_DIR") + "/bin/" + name; }

std::string source_path(const std::string &relative) { return required("KVERN_SOURCE_DIR") + "/" + relative; }

std::vector<std::string> reference_dirs() {
  std::vector<std::string> folders;
  const char *value = std::getenv("KVERN_REFERENCE_DIRS");
  std::istringstream in(value ? value : "");
  for (std::string folder; std::getline(in, folder, ':');)
    if (!folder.empty()) folders.push_back(folder);
  return folders;
}

}  // namespace kvern::test
