// Ends rows where a token completes a string of the text, prompt included.
#include <algorithm>

#include "core/generation/stopping.hpp"

namespace kvern {
namespace {

constexpr GenerationOption<std::vector<std::string>> kStopStrings{
    {.name = "stop_strings",
     .help = "end a sequence with the token that completes one of these strings; the text keeps it",
     .source = "transformers"}};

using Text = std::function<std::string(std::span<const int64_t>)>;

class EndsAtString : public StoppingRule {
 public:
  EndsAtString(std::vector<std::string> strings, Text text)
      : StoppingRule(FinishReason::stop), strings_(std::move(strings)), text_(std::move(text)) {
    for (const std::string &string : strings_) longest_ = std::max(longest_, string.size());
  }

  /// Each token but the special ones has a byte of text at least: so many of them cover the longest string.
  bool ends(std::span<const int64_t> ids) const override {
    const auto tail = ids.last(std::min(ids.size(), longest_ + 1));
    const std::string before = text_(tail.first(tail.size() - 1)), now = text_(tail);
    const size_t old = static_cast<size_t>(
        std::mismatch(before.begin(), before.end(), now.begin(), now.end()).second - now.begin());
    return std::any_of(strings_.begin(), strings_.end(), [&](const std::string &string) {
      const size_t first = old + 1 > string.size() ? old + 1 - string.size() : 0;  // ends behind `old`
      return old < now.size() && now.find(string, first) != std::string::npos;
    });
  }

 private:
  std::vector<std::string> strings_;
  Text text_;
  size_t longest_ = 0;
};

constexpr const OptionDeclaration *kOptions[] = {&kStopStrings};

std::unique_ptr<StoppingRule> make(const GenerationConfig &config, const StoppingContext &context) {
  auto strings = config.get(kStopStrings);
  if (strings.empty()) return nullptr;
  for (const std::string &string : strings)
    if (string.empty())
      throw Error(ErrorKind::config, "stop_strings: an empty string; each needs a character");
  if (!context.text)
    throw Error(ErrorKind::config,
                "stop_strings needs a tokenizer, and the model has none; use eos_token_id");
  return std::make_unique<EndsAtString>(std::move(strings), context.text);
}

}  // namespace

extern constinit const StoppingEntry stopping_stop_strings = {kOptions, make};

}  // namespace kvern
