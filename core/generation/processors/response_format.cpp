// Keeps the text within a language: a JSON schema, any JSON object, or a regular expression. What the language is and which tokens
// spell it is the constraint's business; here it is walked along with each row.
#include <algorithm>
#include <bit>

#include "core/generation/ngrams.hpp"
#include "core/generation/processors.hpp"
#include "core/generation/row_states.hpp"

namespace kvern {

namespace {
bool is_format(const Option &value) {
  return std::holds_alternative<std::string>(value.value) || std::holds_alternative<OptionTable>(value.value);
}
}  // namespace

extern constinit const GenerationOption<std::optional<Option>> option::response_format{
    {.name = "response_format",
     .help = "what the text must be: json_object, regex:PATTERN, a JSON schema or the name of a file that "
             "holds one",
     .source = "constrained decoding: Willard and Louf 2023",
     .accepts = is_format,
     .form = "a string, or a table of type and json_schema or pattern"}};

namespace {

constexpr float kExcluded = static_cast<float>(kFiltered);

/// The constraint's state behind each id of a row; only ids behind the prompt count.
struct Walk {
  TokenConstraint *constraint;
  int64_t prompt_length;
  std::vector<int64_t> states = {};  ///< [length of the row + 1]; the prompt does not change it

  void add(int64_t id) {
    if (states.empty()) states.push_back(constraint->start());
    const auto length = static_cast<int64_t>(states.size()) - 1;
    states.push_back(length < prompt_length ? states.back() : constraint->next(states.back(), id));
  }
  void truncate(size_t length) { states.resize(length + 1); }
};

class ResponseFormat : public LogitsProcessor {
 public:
  ResponseFormat(TokenConstraint &constraint, int64_t prompt_length, std::vector<int64_t> eos)
      : constraint_(constraint), eos_(std::move(eos)), rows_(Walk{&constraint, prompt_length}) {}

  at::Tensor operator()(const at::Tensor &ids, const at::Tensor &scores) const override {
    at::Tensor result = scores.clone(at::MemoryFormat::Contiguous);
    for (int64_t r = 0; r < ids.size(0); ++r) {
      const int64_t state = rows_.of(r, ids.size(0), ids_of_row(ids, r)).states.back();
      // a row that has ended, or a beam that was never possible
      if (state != TokenConstraint::kDead)
        restrict(result.data_ptr<float>() + r * scores.size(1), scores.size(1), state);
    }
    return result;
  }
  void reorder(const std::vector<int64_t> &index) override { rows_.reorder(index); }
  void truncate(int64_t length) override { rows_.truncate(length); }

 private:
  void restrict(float *scores, int64_t size, int64_t state) const {
    const bool may_end = constraint_.complete(state);
    const auto eos = ids_within(eos_, size);
    std::vector<float> of_eos;
    for (const int64_t id : eos) of_eos.push_back(may_end ? scores[id] : kExcluded);
    const auto allowed = constraint_.allowed(state);
    const bool goes_on = std::any_of(allowed.begin(), allowed.end(), [](uint64_t word) { return word != 0; });
    if (!goes_on && !may_end)
      throw Error(ErrorKind::config,
                  "response_format: the text is not complete, and no token of the vocabulary can follow");
    for (int64_t at = 0; at < size; at += 64)
      keep(scores + at, std::min<int64_t>(64, size - at), word_of(allowed, at / 64));
    for (size_t i = 0; i < eos.size(); ++i) scores[eos[i]] = of_eos[i];
  }

  static uint64_t word_of(std::span<const uint64_t> words, int64_t i) {
    return i < static_cast<int64_t>(words.size()) ? words[static_cast<size_t>(i)] : 0;
  }

  static void keep(float *scores, int64_t n, uint64_t mask) {
    if (mask == 0) return static_cast<void>(std::fill(scores, scores + n, kExcluded));
    const uint64_t all = n == 64 ? ~uint64_t{0} : (uint64_t{1} << n) - 1;
    for (uint64_t excluded = ~mask & all; excluded != 0; excluded &= excluded - 1)
      scores[std::countr_zero(excluded)] = kExcluded;
  }

  TokenConstraint &constraint_;
  std::vector<int64_t> eos_;
  mutable RowStates<Walk> rows_;
};

constexpr const OptionDeclaration *kOptions[] = {&option::response_format};

/// Options that end a text or write tokens wherever it stands.
void check_contradictions(const GenerationConfig &config) {
  for (const char *name :
       {"forced_bos_token_id", "forced_eos_token_id", "stop_strings", "remove_invalid_values"}) {
    const OptionValue *value = config.find(*find_option(generation_options(), name));
    if (value == nullptr || !value->value) continue;
    const auto *off = std::get_if<bool>(&value->value->value);
    const auto *list = std::get_if<OptionArray>(&value->value->value);
    if ((off != nullptr && !*off) || (list != nullptr && list->empty())) continue;
    throw Error(ErrorKind::config,
                "response_format cannot be used with " + std::string(name) +
                    ", which writes or ends the text wherever it stands; unset one of them");
  }
}

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &context) {
  if (!asks_for_format(config)) return nullptr;
  check_contradictions(config);
  if (context.constraint == nullptr)
    throw Error(ErrorKind::config, "response_format needs a tokenizer, and the model has none");
  const auto eos = config.get(option::eos_token_id);
  if (eos.empty())
    throw Error(ErrorKind::config,
                "response_format needs eos_token_id, which ends the text; the model names none");
  if (config.get(option::penalty_alpha).value_or(0) > 0)
    throw Error(ErrorKind::config,
                "response_format cannot be used with penalty_alpha: contrastive search takes one of top_k "
                "tokens, possible or not; use greedy decoding, sampling or beams");
  return std::make_unique<ResponseFormat>(*context.constraint, context.prompt_length(), eos);
}

}  // namespace

bool asks_for_format(const GenerationConfig &config) {
  const auto format = config.get(option::response_format);
  if (!format) return false;
  const auto *text = std::get_if<std::string>(&format->value);
  return text == nullptr || *text != "text";
}

extern constinit const ProcessorEntry processor_response_format = {ProcessorOrder::response_format, kOptions,
                                                                   make};

}  // namespace kvern
