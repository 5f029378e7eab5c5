// kvern: the command line program. Finds the command, and turns every error into one line and an exit code.
#include <boost/program_options/errors.hpp>
#include <iostream>
#include <kvern/error.hpp>
#include <map>
#include <new>
#include <stdexcept>

#include "core/torch/torch.hpp"
#include "runtime/cli/command.hpp"
#include "runtime/cli/memory.hpp"
#include "runtime/cli/output.hpp"
#include "runtime/files/mapped_regions.hpp"

namespace kvern::cli {
namespace {

constexpr const char *kHelp =
    R"(kvern runs language models whose key/value cache is a plugin.

usage: kvern COMMAND [options]

  kvern generate    continue a prompt
  kvern caches      list the caches that are installed, or explain one
  kvern inspect     show a model's layers, and what each cache would need for it
  kvern bench       measure prefill and decode at given depths
  kvern compare     measure what caches do to a model's predictions of a text

`kvern COMMAND --help` explains a command. Without --model the built-in model is used.

exit codes: 0 done, 1 a defect of kvern, 2 the command line, 3 the configuration, 4 the model, 5 a cache plugin,
            6 the prompt, 7 out of memory or capacity, 8 the output could not be written
)";

using Command = int (*)(const std::vector<std::string> &);

const std::map<std::string, Command> &commands() {
  static const std::map<std::string, Command> table{{"generate", generate_command},
                                                    {"caches", caches_command},
                                                    {"inspect", inspect_command},
                                                    {"bench", bench_command},
                                                    {"compare", compare_command}};
  return table;
}

int run(const std::vector<std::string> &arguments) {
  if (arguments.empty())
    throw Error(ErrorKind::usage,
                "no command: generate, caches, inspect, bench or compare; see kvern --help");
  if (arguments[0] == "--help" || arguments[0] == "help") {
    write_output(kHelp);
    return 0;
  }
  if (arguments[0] == "--version") {
    write_output("kvern " KVERN_VERSION "\n");
    return 0;
  }
  const auto found = commands().find(arguments[0]);
  if (found != commands().end()) return found->second({arguments.begin() + 1, arguments.end()});
  std::vector<std::string> names;
  for (const auto &[name, command] : commands()) names.push_back(name);
  throw Error(ErrorKind::usage, "no command '" + arguments[0] + "'" + did_you_mean(arguments[0], names) +
                                    " (generate, caches, inspect, bench, compare; see kvern --help)");
}

int report(const std::string &message, int code) {
  std::cerr << "kvern: " << message << '\n';
  return code;
}

// Without the stack trace that LibTorch's messages end with.
int report_torch(const c10::Error &error) {
  const std::string text = error.what_without_backtrace();
  if (text.find("can't allocate memory") == std::string::npos)
    return report(text.substr(0, text.find('\n')), static_cast<int>(ErrorKind::internal));
  return report("out of memory", static_cast<int>(ErrorKind::out_of_memory));
}

}  // namespace
}  // namespace kvern::cli

int main(int argc, char **argv) {
  using namespace kvern;
  cli::return_large_blocks();
  files::exit_on_lost_mapping("kvern");
  try {
    return cli::run({argv + 1, argv + argc});
  } catch (const Error &e) {
    return cli::report(e.what(), e.exit_code());
  } catch (const boost::program_options::error &e) {
    return cli::report(std::string(e.what()) + "; see --help", static_cast<int>(ErrorKind::usage));
  } catch (const std::bad_alloc &) {
    return cli::report("out of memory", static_cast<int>(ErrorKind::out_of_memory));
  } catch (const std::length_error &) {  // a container beyond the address space
    return cli::report("out of memory", static_cast<int>(ErrorKind::out_of_memory));
  } catch (const c10::Error &e) {
    return cli::report_torch(e);
  } catch (const std::exception &e) {
    return cli::report(e.what(), static_cast<int>(ErrorKind::internal));
  }
}
