// kvern: the command line program. Finds the command, and turns every error into one line and an exit code.
#include <algorithm>
#include <boost/program_options/errors.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <kvern/error.hpp>
#include <new>
#include <stdexcept>

#include "core/torch/torch.hpp"
#include "runtime/cli/command.hpp"
#include "runtime/cli/errors.hpp"
#include "runtime/cli/memory.hpp"
#include "runtime/cli/output.hpp"
#include "runtime/cli/plugin_end.hpp"
#include "runtime/files/mapped_regions.hpp"

namespace kvern::cli {
namespace {

constexpr const char *kIntroduction =
    "kvern runs language models whose key/value cache is a plugin.\n\n"
    "usage: kvern COMMAND [options]\n\n";

constexpr const char *kExitCodes =
    R"(
`kvern COMMAND --help` explains a command. Without --model the built-in model is used.

exit codes: 0 done, 1 a defect of kvern, 2 the command line, 3 the configuration, 4 the model, 5 a cache plugin,
            6 the prompt, 7 out of memory or capacity, 8 the output could not be written, 130 interrupted
)";

std::vector<std::string> names() {
  std::vector<std::string> result;
  for (const Command *command : commands()) result.emplace_back(command->name);
  return result;
}

std::string joined(const std::vector<std::string> &words) {
  std::string text;
  for (const auto &word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string help() {
  size_t width = 0;
  for (const Command *command : commands()) width = std::max(width, command->name.size());
  std::string text = kIntroduction;
  for (const Command *command : commands()) {
    const std::string fill(width - command->name.size() + 4, ' ');
    text.append("  kvern ").append(command->name).append(fill).append(command->summary).append("\n");
  }
  return text + kExitCodes;
}

int run(const std::vector<std::string> &arguments) {
  if (arguments.empty())
    throw Error(ErrorKind::usage, "no command: " + joined(names()) + "; see kvern --help");
  if (arguments[0] == "--help" || arguments[0] == "help") {
    write_output(help());
    return 0;
  }
  if (arguments[0] == "--version") {
    write_output("kvern " KVERN_VERSION "\n");
    return 0;
  }
  for (const Command *command : commands())
    if (command->name == arguments[0]) return command->run({arguments.begin() + 1, arguments.end()});
  throw Error(ErrorKind::usage, "no command '" + arguments[0] + "'" + did_you_mean(arguments[0], names()) +
                                    " (" + joined(names()) + "; see kvern --help)");
}

int report(const std::string &message, int code) {
  std::cerr << error_line(message) << std::flush;
  return code;
}

// Without the stack trace that LibTorch's messages end with.
int report_torch(const c10::Error &error) {
  const std::string text = error.what_without_backtrace();
  if (text.find("can't allocate memory") == std::string::npos)
    return report(text.substr(0, text.find('\n')), static_cast<int>(ErrorKind::internal));
  return report("out of memory", static_cast<int>(ErrorKind::out_of_memory));
}

int run_or_report(const std::vector<std::string> &arguments) {
  try {
    return run(arguments);
  } catch (const Error &e) {
    return report(e.what(), e.exit_code());
  } catch (const boost::program_options::error &e) {
    return report(std::string(e.what()) + "; see --help", static_cast<int>(ErrorKind::usage));
  } catch (const std::bad_alloc &) {
    return report("out of memory", static_cast<int>(ErrorKind::out_of_memory));
  } catch (const std::length_error &) {  // a container beyond the address space
    return report("out of memory", static_cast<int>(ErrorKind::out_of_memory));
  } catch (const c10::Error &e) {
    return report_torch(e);
  } catch (const std::exception &e) {
    return report(e.what(), static_cast<int>(ErrorKind::internal));
  }
}

/// Without the destructors of libraries: LibTorch's unregister each of its operators, which takes a tenth of a second.
/// Sanitizers look for leaks in them.
int end_process(int code) {
  std::cout.flush();
  std::cerr.flush();
  std::fflush(nullptr);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  std::_Exit(code);
#endif
  return code;
}

}  // namespace
}  // namespace kvern::cli

int main(int argc, char **argv) {
  using namespace kvern;
  cli::return_large_blocks();
  cli::exit_where_memory_ends();
  cli::name_plugin_that_ends_the_program();
  files::exit_on_lost_mapping("kvern");
  int code = 0;
  {
    const cli::PrintableErrors printable_errors;
    code = cli::run_or_report({argv + 1, argv + argc});
  }
  return cli::end_process(code);
}
