#include "runtime/cli/prompt.hpp"

#include <unistd.h>

#include <iostream>
#include <iterator>
#include <kvern/error.hpp>

#include "runtime/cli/text_file.hpp"
#include "runtime/support/token_ids.hpp"

namespace kvern::cli {
namespace {

// `echo` and editors end a line that is meant to be continued.
std::string without_final_line_break(std::string text) {
  if (!text.ends_with('\n')) return text;
  text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

std::string from_standard_input() {
  if (::isatty(STDIN_FILENO) == 1)
    throw Error(ErrorKind::usage,
                "no prompt: give --prompt, --prompt-file or --input-ids, or pipe a text in");
  return without_final_line_break(without_byte_order_mark({std::istreambuf_iterator<char>(std::cin), {}}));
}

}  // namespace

po::options_description prompt_options() {
  po::options_description o("prompt (without any it is read from standard input)", 110);
  o.add_options()("prompt", po::value<std::string>()->value_name("TEXT"), "the text to continue")(
      "prompt-file", po::value<std::string>()->value_name("FILE"), "a file with the text")(
      "input-ids", po::value<std::string>()->value_name("1,2,3"), "token ids instead of a text");
  return o;
}

PromptSource read_prompt(const po::variables_map &map) {
  if (map.count("prompt") + map.count("prompt-file") + map.count("input-ids") > 1)
    throw Error(ErrorKind::usage, "only one of --prompt, --prompt-file and --input-ids can be given");
  PromptSource source;
  const bool given = map.count("prompt") + map.count("prompt-file") + map.count("input-ids") > 0;
  if (!given && (map.count("audio") || map.count("encoder-prompt"))) return {std::string(), {}};
  if (map.count("input-ids")) {
    source.ids = parse_token_ids(map["input-ids"].as<std::string>(), "--input-ids");
    return source;
  }
  if (map.count("prompt"))
    source.text = map["prompt"].as<std::string>();
  else
    source.text = map.count("prompt-file")
                      ? read_text_file("--prompt-file", map["prompt-file"].as<std::string>())
                      : from_standard_input();
  check_utf8(*source.text, "the prompt");
  return source;
}

std::vector<int64_t> decoder_ids(const PromptSource &source, const Session &run) {
  if (source.ids) return *source.ids;
  if (source.text->empty()) return {};
  return run.tokenizer()->encode_hf(*source.text, /*add_special_tokens=*/false);
}

std::vector<int64_t> prompt_ids(const PromptSource &source, const Session &run,
                                const std::vector<int64_t> &prefix) {
  if (!prefix.empty()) {
    auto ids = prefix;
    const auto own = decoder_ids(source, run);
    ids.insert(ids.end(), own.begin(), own.end());
    return ids;
  }
  if (source.ids) return *source.ids;
  if (run.tokenizer()) return run.tokenizer()->encode_hf(*source.text, /*add_special_tokens=*/true);
  try {
    Tokenizer::load(run.model_folder());
  } catch (const Error &why) {
    throw Error(ErrorKind::input, std::string(why.what()) + "; or give the prompt with --input-ids");
  }
  throw Error(ErrorKind::internal, "a tokenizer appeared in " + run.model_folder().string());
}

}  // namespace kvern::cli
