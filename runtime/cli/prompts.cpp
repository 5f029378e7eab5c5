#include "runtime/cli/figures.hpp"
#include "runtime/cli/prompts.hpp"

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "devices/cpu/threads.hpp"
#include "runtime/cli/generation_output.hpp"
#include "runtime/cli/interrupt.hpp"
#include "runtime/cli/memory.hpp"
#include "runtime/cli/output.hpp"
#include "runtime/cli/progress.hpp"
#include "runtime/cli/prompts_output.hpp"
#include "runtime/cli/text_file.hpp"
#include "runtime/run/prompt_batch.hpp"
#include "runtime/run/run_resources.hpp"

namespace kvern::cli {
namespace {

using Json = nlohmann::json;

std::optional<std::filesystem::path> output_file(const po::variables_map &map) {
  if (!map.count("output-file")) return {};
  return map["output-file"].as<std::string>();
}

/// Lines that remain to be done, and what came of the others.
class Prompts {
 public:
  Prompts(const Session &run, std::vector<PromptLine> lines, std::vector<int64_t> finished)
      : run_(run), prefix_(prefix_ids(run)) {
    std::sort(finished.begin(), finished.end());
    int64_t skipped = 0;
    for (PromptLine &line : lines) {
      if (std::binary_search(finished.begin(), finished.end(), line.number)) {
        ++skipped;
        continue;
      }
      numbers.push_back(line.number);
      if (line.error.empty()) add(line);
      if (!line.error.empty()) report(line.number, line.error, ErrorKind::input);
    }
    if (skipped > 0) std::cerr << "kvern: " << skipped << " lines are done already" << '\n';
  }

  /// A line that has no result.
  void report(int64_t number, const std::string &message, ErrorKind kind) {
    Progress::erase_now();
    std::cerr << "kvern: error: " << message << '\n';
    bad.push_back(number);
    code_ = kind == ErrorKind::out_of_memory && code_ != static_cast<int>(ErrorKind::input)
                ? static_cast<int>(kind)
                : static_cast<int>(ErrorKind::input);
  }

  const std::vector<int64_t> &prefix() const { return prefix_; }
  int code() const { return code_; }
  /// Tokens of the longest text.
  int64_t longest() const { return longest_; }

  std::vector<int64_t> numbers, bad;  ///< of lines that are to be done; of those that are wrong
  std::vector<PromptJob> jobs;
  std::vector<PromptLine> lines;  ///< of the jobs

 private:
  void add(PromptLine &line) {
    try {
      if (line.options.is_set(option::response_format))
        throw Error(ErrorKind::input,
                    "response_format is that of all prompts: set it in [generation] or by --response-format");
      PromptJob job;
      job.config = run_.generation();
      job.config.merge(line.options, kvern::generation_options());
      if (line.seed) job.config.seed = line.seed;
      job.ids = prefix_;
      const auto own = line.ids ? *line.ids : encoded(*line.text);
      job.ids.insert(job.ids.end(), own.begin(), own.end());
      if (const auto bos = job.config.get(option::bos_token_id); bos && job.ids.empty()) job.ids = {*bos};
      longest_ = std::max(longest_, length_limit(job.config, static_cast<int64_t>(job.ids.size())));
      jobs.push_back(std::move(job));
      lines.push_back(line);
    } catch (const Error &e) {
      line.error = "line " + std::to_string(line.number) + ": " + e.what();
    }
  }

  std::vector<int64_t> encoded(const std::string &text) const {
    if (run_.tokenizer() == nullptr)
      throw Error(ErrorKind::input, "the model has no tokenizer: give \"input_ids\" instead of \"prompt\"");
    return run_.tokenizer()->encode_hf(text, /*add_special_tokens=*/prefix_.empty());
  }

  const Session &run_;
  std::vector<int64_t> prefix_;
  int64_t longest_ = 0;
  int code_ = 0;
};

Json sequence_json(const Session &run, const PromptJob &job, const GenerationResult &result, size_t r) {
  const auto begin = result.sequences[r].begin() + static_cast<int64_t>(job.ids.size());
  const std::vector<int64_t> ids(begin, begin + result.new_tokens[r]);
  Json json{{"output_ids", ids},
            {"finish_reason", result.finish_reason[r] == FinishReason::stop ? "stop" : "length"}};
  json["text"] = run.tokenizer()
                     ? Json(run.tokenizer()->continuation(job.ids, ids, /*skip_special_tokens=*/true))
                     : Json();
  if (!result.sequences_scores.empty()) json["score"] = result.sequences_scores[r];
  return json;
}

std::string result_line(const Session &run, const PromptLine &line, const PromptJob &job,
                        const GenerationResult &result) {
  Json json = sequence_json(run, job, result, 0);
  json["line"] = line.number;
  if (!line.id.is_null()) json["id"] = line.id;
  json["prompt_tokens"] = job.ids.size();
  if (samples(job.config)) json["seed"] = result.seed;
  for (size_t r = 0; result.sequences.size() > 1 && r < result.sequences.size(); ++r)
    json["sequences"].push_back(sequence_json(run, job, result, r));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string statistics(const PromptBatchReport &report, int64_t done, const Prompts &prompts,
                       const Cache &cache, const Session &run) {
  const auto &t = report.timings;
  std::ostringstream out;
  out << std::fixed << std::setprecision(1);
  out << "prompts  " << done << " done, " << prompts.bad.size() << " wrong, at most " << report.most_rows
      << " at a time, " << report.repeated_prefills << " prefilled again\n";
  const auto speed = [&](const char *what, int64_t tokens, double seconds, double cpu_seconds) {
    out << what << tokens << " tokens in " << seconds * 1e3 << " ms (" << cpu_seconds * 1e3
        << " ms of processor time), " << per_second(tokens, seconds) << " tokens/s on " << threads()
        << " threads\n";
  };
  speed("prefill  ", t.prefill_tokens, t.prefill_seconds, report.prefill_cpu_seconds);
  speed("decode   ", t.decode_tokens, t.decode_seconds, report.decode_cpu_seconds);
  out << "cache    " << cache.plugin().name << " (" << dtype_name(cache.dtype()) << "), at most "
      << byte_text(cache.host().memory().peak);
  if (run.config().memory_budget || run.config().host_memory_budget)
    out << " of " << byte_text(limits_of(cache_request(run.config(), 0, 0)).memory_budget);
  out << "\nmemory   peak " << byte_text(peak_resident_bytes()) << ", weights "
      << byte_text(run.model().info().weight_bytes) << '\n';
  return out.str();
}

int run_all(const Session &run, Prompts &prompts, PromptsOutput &output, bool stats) {
  if (prompts.jobs.empty()) return prompts.code();
  const int64_t longest = prompts.longest(), rows = run.config().max_batch;
  const Cache pattern = run.open_cache(rows, longest);
  std::optional<Cache> prefix;
  PromptBatchSetup setup;
  setup.pattern = &pattern;
  if (!prompts.prefix().empty()) {
    prefix = pattern.empty_like();
    const PrefixUse use = fill_prefix(run, *prefix, prompts.prefix());
    if (stats) std::cerr << prefix_text(use);
    setup.prefix = &*prefix;
  }
  setup.max_batch = rows;
  setup.memory_budget = limits_of(cache_request(run.config(), rows, longest)).memory_budget;
  const RunResources resources(run, 1, longest);
  setup.resources = resources.get();

  int64_t done = 0;
  Progress progress("prompts:");
  PromptBatchEvents events;
  events.on_done = [&](PromptOutcome outcome) {
    const PromptLine &line = prompts.lines[outcome.job];
    if (outcome.error) {
      prompts.report(line.number, "line " + std::to_string(line.number) + ": " + outcome.message,
                     *outcome.error);
      return output.put(line.number, {});
    }
    ++done;
    output.put(line.number, result_line(run, line, prompts.jobs[outcome.job], outcome.result));
  };
  events.on_note = [](const std::string &note) {
    Progress::erase_now();
    std::cerr << "kvern: warning: " << note << '\n';
  };
  events.on_step = [&](int64_t ended, int64_t) {
    progress.show(ended, static_cast<int64_t>(prompts.jobs.size()));
  };
  events.stop_requested = Interrupt::requested;
  const Interrupt interrupt;
  const auto report = run_prompts(run.model(), setup, prompts.jobs, events);
  Progress::erase_now();
  if (stats) std::cerr << statistics(report, done, prompts, pattern, run);
  return Interrupt::requested() ? kInterrupted : prompts.code();
}

}  // namespace

po::options_description prompts_options() {
  po::options_description o("many prompts", 110);
  o.add_options()(
      "prompts", po::value<std::string>()->value_name("FILE.jsonl"),
      "a prompt in each line, as {\"prompt\": \"...\", \"id\": 7, \"max_new_tokens\": 20, \"seed\": 1}; "
      "a line of JSON comes out for each (docs/prompts.md)")(
      "output-file", po::value<std::string>()->value_name("FILE"),
      "where the results of --prompts go; without it to standard output")(
      "resume", "leave out the lines whose results --output-file has already");
  return o;
}

void check_prompts_options(const po::variables_map &map) {
  if (!map.count("prompts")) {
    for (const char *option : {"output-file", "resume", "max-batch"})
      if (map.count(option)) throw Error(ErrorKind::usage, std::string("--") + option + " needs --prompts");
    return;
  }
  for (const char *option : {"prompt", "prompt-file", "input-ids", "encoder-prompt", "audio"})
    if (map.count(option))
      throw Error(ErrorKind::usage,
                  std::string("--prompts and --") + option + ": only one of them can be given");
  if (!map["output"].defaulted() && map["output"].as<std::string>() != "json")
    throw Error(ErrorKind::usage,
                "--output " + map["output"].as<std::string>() + ": --prompts prints lines of JSON");
  if (map.count("resume") && !map.count("output-file"))
    throw Error(ErrorKind::usage, "--resume needs --output-file, the file that it continues");
}

int generate_prompts(const po::variables_map &map, config::RunConfig config) {
  const std::string name = map["prompts"].as<std::string>();
  auto lines = read_prompt_lines(read_text_file("--prompts", name), name);
  const auto file = output_file(map);
  const bool resume = map.count("resume") > 0;
  auto finished = resume ? finished_lines(*file, lines) : std::vector<int64_t>();
  const Session run(std::move(config));
  if (run.model().info().encoder != EncoderKind::none)
    throw Error(ErrorKind::usage, "--prompts: the model '" + run.model().info().model_type +
                                      "' has an encoder; give --encoder-prompt or --audio");
  for (const auto &note : generation_notes(run, run.generation()))
    std::cerr << "kvern: warning: " << note << '\n';
  Prompts prompts(run, std::move(lines), std::move(finished));
  PromptsOutput output(prompts.numbers, file, resume);
  for (const int64_t number : prompts.bad) output.put(number, {});
  return run_all(run, prompts, output, map.count("stats") > 0);
}

}  // namespace kvern::cli
