// kvern generate: continues a prompt with the cache that the configuration names.
#include <iostream>

#include "runtime/cli/command.hpp"
#include "runtime/cli/encoder_prompt.hpp"
#include "runtime/cli/explain.hpp"
#include "runtime/cli/generation_output.hpp"
#include "runtime/cli/generation_watch.hpp"
#include "runtime/cli/interrupt.hpp"
#include "runtime/cli/output.hpp"
#include "runtime/cli/prompt.hpp"
#include "runtime/cli/prompts.hpp"
#include "runtime/run/run_resources.hpp"

namespace kvern::cli {
namespace {

constexpr const char *kUsage =
    "usage: kvern generate [options]\n\n"
    "Continues a prompt. The text goes to standard output (as it is made, if that is a terminal), "
    "everything\n"
    "else to standard error.\n\n"
    "  kvern generate --prompt \"Once upon a time\" --cache static --stats\n"
    "  kvern generate --config configs/dynamic.toml --model ~/models/Qwen2-0.5B --prompt-file question.txt\n"
    "  kvern generate --input-ids 1,2,3 --output json\n"
    "  kvern generate --prefix-file rules.txt --prompt \"Question: why?\"\n"
    "  kvern generate --prompts questions.jsonl --cache paged --output-file answers.jsonl\n"
    "  kvern generate --model ~/models/t5-small --encoder-prompt \"translate English to German: A mill.\"\n"
    "  kvern generate --model ~/models/whisper-tiny --audio speech.flac --output srt\n\n";

po::options_description all_options() {
  po::options_description output("output", 110);
  output.add_options()("output",
                       po::value<std::string>()->default_value("text")->value_name("text|json|srt|vtt"),
                       "output format; srt and vtt are subtitles of --audio")(
      "stats", "speed and memory on standard error")("help", "print this");
  po::options_description all;
  all.add(prompt_options())
      .add(prompts_options())
      .add(encoder_options())
      .add(run_options())
      .add(generation_options())
      .add(output);
  return all;
}

int generate_and_print(const Session &run, const PromptSource &source, std::optional<EncoderInput> encoder,
                       bool json, bool stats) {
  const auto config = run.generation();
  const auto prefix = prefix_ids(run);
  const auto ids =
      encoder ? behind_decoder_start(decoder_ids(source, run), config) : prompt_ids(source, run, prefix);
  for (const auto &note : generation_notes(run, config)) std::cerr << "kvern: warning: " << note << '\n';
  const auto length = static_cast<int64_t>(ids.size());
  const int64_t rows = cache_rows_per_prompt(config), longest = length_limit(config, length),
                max_cross = encoder ? encoder->ids.size(1) : 0;
  auto cache = run.open_cache(rows, longest, max_cross);
  std::optional<PrefixUse> prefix_use;
  if (!prefix.empty()) prefix_use = fill_prefix(run, cache, prefix);
  Prompt prompt;
  prompt.encoder = std::move(encoder);
  prompt.input_ids.push_back(ids);

  std::optional<Logprobs> logprobs;
  if (run.config().logprobs) logprobs.emplace(*run.config().logprobs, config);
  std::function<TextStream()> stream;
  if (!json && output_is_terminal() && run.tokenizer() && rows == 1)
    stream = [&] {
      return TextStream(*run.tokenizer(), source.text, source.ids ? *source.ids : ids,
                        run.config().echo_prompt);
    };
  GenerationWatch watch(longest - length, stream, logprobs ? &*logprobs : nullptr);
  auto events = watch.events();
  const Interrupt interrupt;
  events.stop_requested = Interrupt::requested;
  const RunResources resources(run, rows, longest, max_cross);
  const auto result = generate(run.model(), cache, prompt, config, events, resources.get());
  const bool shown = watch.finish();

  const GenerationReport report{run,
                                ids,
                                config,
                                result,
                                cache,
                                Interrupt::requested(),
                                prefix_use ? &*prefix_use : nullptr,
                                logprobs ? &*logprobs : nullptr};
  if (!shown) json ? write_json(as_json(report)) : write_generated(as_text(report, source.text));
  if (stats) std::cerr << statistics(report);
  return Interrupt::requested() ? kInterrupted : 0;
}

int run(const std::vector<std::string> &arguments) {
  const auto options = all_options();
  const auto map = parse(arguments, options);
  if (map.count("help")) return print_help(kUsage, options);
  const std::string output = one_of(map, "output", {"text", "json", "srt", "vtt"});
  check_prompts_options(map);
  check_encoder_options(map, output);
  auto config = read_config(map);
  if (map.count("explain")) {
    write_text(explanation(resolve_config(std::move(config)), /*only_diff=*/false));
    return 0;
  }
  take_cache_of_model(config);
  check_cache(config);
  if (config.logprobs && (output != "json" || map.count("prompts")))
    throw Error(ErrorKind::config, "logprobs are part of the JSON result of one prompt: use --output json");
  if (map.count("prompts")) return generate_prompts(map, std::move(config));
  const auto source = read_prompt(map);
  const Session run(std::move(config));
  check_encoder_input(map, run.model());
  if (map.count("audio")) return transcribe_and_print(run, map, output);
  std::optional<EncoderInput> encoder;
  if (map.count("encoder-prompt")) encoder = encoder_text(map, run);
  return generate_and_print(run, source, std::move(encoder), output == "json", map.count("stats") > 0);
}

}  // namespace

extern constinit const Command command_generate{"generate", "continue a prompt", run};

}  // namespace kvern::cli
