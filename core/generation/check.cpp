#include "core/generation/check.hpp"

#include <algorithm>
#include <sstream>

#include "core/generation/driver.hpp"
#include "core/generation/strategies.hpp"

namespace kvern {
namespace {

/// "run.toml:3: generation.top_k", "--set generation.top_k=-1", "generation_config.json: top_k" or "top_k".
std::string where(const OptionDeclaration &d, const OptionValue &value) {
  if (value.source == OptionSource::flag) return value.place;
  const std::string name = (value.source == OptionSource::file ? "generation." : "") + std::string(d.name);
  return value.place.empty() ? name : value.place + ": " + name;
}

std::string number_text(const Option &option) {
  std::ostringstream text;
  if (const auto *integer = std::get_if<int64_t>(&option.value)) text << "the integer " << *integer;
  if (const auto *number = std::get_if<double>(&option.value)) text << "the number " << *number;
  return text.str();
}

void check_range(const OptionDeclaration &d, const OptionValue &value) {
  if (!value.value) return;
  if (const auto wrong = mismatch(d, *value.value))
    throw Error(value.source == OptionSource::model ? ErrorKind::model : ErrorKind::config,
                where(d, value) + ": expected " + wrong->required + ", found " + number_text(*wrong->found));
}

std::string row_name(size_t r, size_t rows) {
  return rows == 1 ? "the prompt" : "row " + std::to_string(r) + " of the prompt";
}

void check_mask(const std::vector<int64_t> &mask, size_t length, const std::string &name) {
  if (mask.size() != length)
    throw Error(ErrorKind::input, name + " has " + std::to_string(length) + " ids but an attention mask of " +
                                      std::to_string(mask.size()));
  const bool good = std::all_of(mask.begin(), mask.end(), [](int64_t m) { return m == 0 || m == 1; });
  if (!good || !std::is_sorted(mask.begin(), mask.end()))
    throw Error(ErrorKind::input,
                "the attention mask of " + name + " must be zeros, then ones: padding goes on the left");
  if (mask.back() == 0) throw Error(ErrorKind::input, name + " is nothing but padding");
}

}  // namespace

void check_config(const GenerationConfig &config, const GenerationResources &resources) {
  const bool sampled = samples(config);
  for (const OptionDeclaration *d : generation_options()) {
    const OptionValue *value = config.find(*d);
    if (value != nullptr && (sampled || !d->of_sampling)) check_range(*d, *value);
  }
  if (const auto check = choose_strategy(config, resources).check) check(config);
}

bool samples(const GenerationConfig &config) {
  return config.get(option::do_sample) && config.get(option::temperature) != 0;
}

/// The names of options that a file or a flag sets and `applies` says are for something else.
static std::string set_in_vain(const GenerationConfig &config, bool (*applies)(const OptionDeclaration &)) {
  std::string names;
  for (const OptionDeclaration *d : generation_options()) {
    const OptionValue *value = config.find(*d);
    if (value == nullptr || !value->value || value->source < OptionSource::file || !applies(*d)) continue;
    names += (names.empty() ? "" : ", ") + std::string(d->name);
  }
  return names;
}

std::vector<std::string> warnings(const GenerationConfig &config) {
  std::vector<std::string> lines;
  if (config.get(option::do_sample) && !samples(config))
    lines.emplace_back(
        "temperature = 0: nothing is drawn, though do_sample = true; the most likely token is taken");
  const bool greedy_by_temperature = config.get(option::temperature) == 0;  // not in vain: it says the same
  const auto of_sampling = [](const OptionDeclaration &d) { return d.of_sampling; };
  const auto of_beams = [](const OptionDeclaration &d) {
    return d.name == "length_penalty" || d.name == "early_stopping";
  };
  const std::string sampling = set_in_vain(config, of_sampling), beams = set_in_vain(config, of_beams);
  const bool contrastive = config.get(option::penalty_alpha).value_or(0) > 0;
  if (!config.get(option::do_sample) && !contrastive && !greedy_by_temperature && !sampling.empty())
    lines.push_back(std::string("not used without do_sample = true: ") + sampling);
  if (config.get(option::num_beams) == 1 && !beams.empty())
    lines.push_back(std::string("not used without num_beams: ") + beams);
  if (contrastive && samples(config)) lines.emplace_back("not used with do_sample = true: penalty_alpha");
  return lines;
}

void check_prompt(const Prompt &prompt, int64_t vocab_size) {
  const auto &rows = prompt.input_ids;
  if (rows.empty() || rows.front().empty())
    throw Error(ErrorKind::input, "the prompt is empty: at least one token is needed");
  if (!prompt.attention_mask.empty() && prompt.attention_mask.size() != rows.size())
    throw Error(ErrorKind::input, "there are " + std::to_string(rows.size()) + " prompts but " +
                                      std::to_string(prompt.attention_mask.size()) + " attention masks");
  for (size_t r = 0; r < rows.size(); ++r) {
    const auto name = row_name(r, rows.size());
    if (rows[r].size() != rows.front().size())
      throw Error(ErrorKind::input, name + " has " + std::to_string(rows[r].size()) + " ids, row 0 has " +
                                        std::to_string(rows.front().size()) +
                                        ": pad shorter rows on the left");
    for (size_t i = 0; i < rows[r].size(); ++i)
      if (rows[r][i] < 0 || rows[r][i] >= vocab_size)
        throw Error(ErrorKind::input,
                    "id " + std::to_string(rows[r][i]) + " at position " + std::to_string(i) + " of " + name +
                        " is outside the vocabulary: ids go from 0 to " + std::to_string(vocab_size - 1));
    if (!prompt.attention_mask.empty()) check_mask(prompt.attention_mask[r], rows[r].size(), name);
  }
}

void check_fits(int64_t positions, const Model &model, const Cache &cache) {
  const int64_t limit = position_limit(model, cache), of_cache = cache.info().capacity;
  const std::string start = "the prompt has " + std::to_string(positions) + " tokens, ";
  if (of_cache >= 0 && positions > of_cache)
    throw Error(ErrorKind::input,
                start + "the cache '" + cache.plugin().name + "' holds at most " + std::to_string(of_cache));
  if (limit >= 0 && positions > limit)
    throw Error(ErrorKind::input, start + "the model takes at most " + std::to_string(limit) + " positions");
}

std::vector<int64_t> left_padding(const Prompt &prompt) {
  std::vector<int64_t> padding(prompt.input_ids.size(), 0);
  for (size_t r = 0; r < prompt.attention_mask.size(); ++r)
    padding[r] = std::count(prompt.attention_mask[r].begin(), prompt.attention_mask[r].end(), 0);
  return padding;
}

}  // namespace kvern
