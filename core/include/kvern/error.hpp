// The one exception type of kvern. Its message is what the user reads: what is wrong, where, what would be
// right.
#pragma once
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace kvern {

/// What kind of thing went wrong; the value is the exit code of the command line programs (docs/cli.md).
enum class ErrorKind : int {
  internal = 1,       ///< a defect of kvern
  usage = 2,          ///< the command line
  config = 3,         ///< the configuration file or a --set
  model = 4,          ///< a model folder: weights, config.json, tokenizer
  plugin = 5,         ///< a cache plugin: absent, refused, misbehaving
  input = 6,          ///< the prompt or the ids: beyond the context, outside the vocabulary, invalid UTF-8
  out_of_memory = 7,  ///< memory or the cache's capacity ran out
  output = 8,         ///< the result could not be written
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string &message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }
  int exit_code() const { return static_cast<int>(kind_); }

 private:
  ErrorKind kind_;
};

/// The name of `candidates` that is nearest to `name` by edit distance, or "" if none is near enough to be
/// meant.
std::string nearest_name(std::string_view name, const std::vector<std::string> &candidates);

/// "; did you mean 'x'?" for the nearest name, or "".
std::string did_you_mean(std::string_view name, const std::vector<std::string> &candidates);

}  // namespace kvern
