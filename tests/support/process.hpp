// Runs a program as a user does: arguments, standard input, and what came back.
#pragma once
#include <string>
#include <vector>

namespace kvern::test {

struct Ran {
  int code = -1;  ///< exit code, or 128 + signal
  std::string out, err;
};

/// `input` goes to standard input. `environment`: "NAME=value" on top of the test's own.
Ran run(const std::vector<std::string> &command, const std::string &input = "",
        const std::vector<std::string> &environment = {});

/// A program of the build folder: bin/NAME.
std::string program(const std::string &name);

/// A path below the project's folder.
std::string source_path(const std::string &relative);

/// The folders that KVERN_REFERENCE_DIRS names.
std::vector<std::string> reference_dirs();

}  // namespace kvern::test
