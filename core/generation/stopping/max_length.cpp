// Ends rows at a length: max_new_tokens behind the prompt, else max_length with it.
#include "core/generation/stopping.hpp"

namespace kvern {

extern constinit const GenerationOption<std::optional<int64_t>> option::max_new_tokens{
    {.name = "max_new_tokens",
     .range = {.min = 1},
     .help = "end after so many new tokens",
     .source = "transformers"}};

extern constinit const GenerationOption<int64_t> option::max_length{
    {.name = "max_length",
     .default_value = int64_t{20},
     .range = {.min = 1},
     .help = "end at this length, prompt included; counts where max_new_tokens is not set",
     .source = "transformers",
     .displaces = "max_new_tokens"}};

namespace {

class EndsAtLength : public StoppingRule {
 public:
  explicit EndsAtLength(int64_t limit) : StoppingRule(FinishReason::length), limit_(limit) {}
  bool ends(std::span<const int64_t> ids) const override {
    return static_cast<int64_t>(ids.size()) >= limit_;
  }

 private:
  int64_t limit_;
};

constexpr const OptionDeclaration *kOptions[] = {&option::max_length, &option::max_new_tokens};

std::unique_ptr<StoppingRule> make(const GenerationConfig &config, const StoppingContext &context) {
  return std::make_unique<EndsAtLength>(length_limit(config, context.prompt_length));
}

}  // namespace

int64_t length_limit(const GenerationConfig &config, int64_t prompt_length) {
  if (const auto n = config.get(option::max_new_tokens)) {
    const int64_t most = std::numeric_limits<int64_t>::max();
    return *n > most - prompt_length ? most : prompt_length + *n;
  }
  const int64_t limit = config.get(option::max_length);
  if (prompt_length >= limit)
    throw Error(ErrorKind::input, "the prompt has " + std::to_string(prompt_length) +
                                      " tokens and max_length is " + std::to_string(limit) +
                                      ": nothing is left to generate; set max_new_tokens");
  return limit;
}

extern constinit const StoppingEntry stopping_max_length = {kOptions, make};

}  // namespace kvern
