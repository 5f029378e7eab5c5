// Options of beam search, and which of them contradict each other.
#include <algorithm>

#include "core/generation/beams/search.hpp"

namespace kvern {
namespace {

bool is_early_stopping(const Option &value) {
  const auto *text = std::get_if<std::string>(&value.value);
  return std::holds_alternative<bool>(value.value) || (text != nullptr && *text == "never");
}

std::string setting(const OptionDeclaration &option, const std::string &value) {
  return std::string(option.name) + " = " + value + ": ";
}

void check_groups(const GenerationConfig &config) {
  const int64_t beams = config.get(option::num_beams), groups = config.get(option::num_beam_groups);
  const double diversity = config.get(option::diversity_penalty);
  const std::string found = setting(option::num_beam_groups, std::to_string(groups));
  if (groups == 1 && diversity != 0)
    throw Error(ErrorKind::config,
                "diversity_penalty needs groups of beams; set num_beam_groups to 2 or more");
  if (groups == 1) return;
  if (groups > beams || beams % groups != 0)
    throw Error(ErrorKind::config,
                found + "num_beams = " + std::to_string(beams) + " must be divisible by it");
  if (config.get(option::do_sample))
    throw Error(ErrorKind::config, found + "groups of beams are not sampled; set do_sample = false");
  if (diversity == 0)
    throw Error(ErrorKind::config,
                found + "diversity_penalty must be above 0, else the groups are identical");
}

}  // namespace

extern constinit const GenerationOption<int64_t> option::num_beams{
    {.name = "num_beams",
     .default_value = int64_t{1},
     .range = {.min = 1},
     .help = "continue each prompt in so many beams and return the likeliest; 1 = no beam search",
     .source = "Lowerre 1976; transformers"}};

extern constinit const GenerationOption<double> option::length_penalty{
    {.name = "length_penalty",
     .default_value = 1.0,
     .help = "score of a beam: sum of log-probabilities / length^length_penalty",
     .source = "Wu et al. 2016; transformers"}};

extern constinit const GenerationOption<Option> option::early_stopping{
    {.name = "early_stopping",
     .default_value = false,
     .help = "true: end a beam search with num_beams ended sequences; false: where better ones are unlikely; "
             "\"never\": where there can be none",
     .source = "transformers",
     .accepts = is_early_stopping,
     .form = "true, false or \"never\""}};

extern constinit const GenerationOption<int64_t> option::num_beam_groups{
    {.name = "num_beam_groups",
     .default_value = int64_t{1},
     .range = {.min = 1},
     .help = "groups of beams that avoid each other's tokens; divides num_beams",
     .source = "diverse beam search: Vijayakumar et al. 2016"}};

extern constinit const GenerationOption<double> option::diversity_penalty{
    {.name = "diversity_penalty",
     .default_value = 0.0,
     .range = {.min = 0},
     .help = "lowers a token's score by so much for each beam of an earlier group that took it in this step",
     .source = "diverse beam search: Vijayakumar et al. 2016"}};

void check_beams(const GenerationConfig &config) {
  const int64_t beams = config.get(option::num_beams), copies = config.get(option::num_return_sequences);
  if (copies > beams)
    throw Error(ErrorKind::config, setting(option::num_return_sequences, std::to_string(copies)) +
                                       "num_beams = " + std::to_string(beams) +
                                       " beams give at most as many sequences");
  if (config.get(option::penalty_alpha).value_or(0) > 0)
    throw Error(ErrorKind::config,
                setting(option::num_beams, std::to_string(beams)) +
                    "contrastive search (penalty_alpha) has no beams; use one or the other");
  check_groups(config);
}

}  // namespace kvern
