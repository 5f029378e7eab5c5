// Stopping rules: what ends a row (StoppingCriteria of transformers). Each is a file of stopping/ that declares its options.
#pragma once
#include <functional>
#include <kvern/generation.hpp>
#include <memory>
#include <span>
#include <vector>

namespace kvern {

class StoppingRule {
 public:
  explicit StoppingRule(FinishReason reason) : reason_(reason) {}
  virtual ~StoppingRule() = default;
  /// `ids`: one row so far, with the token that was just appended. True: the row ends with it.
  virtual bool ends(std::span<const int64_t> ids) const = 0;
  FinishReason reason() const { return reason_; }

 private:
  FinishReason reason_;
};

using StoppingRules = std::vector<std::unique_ptr<StoppingRule>>;

/// What rules may know of the generation besides their options.
struct StoppingContext {
  int64_t prompt_length = 0;                                       ///< padding included
  std::function<std::string(std::span<const int64_t>)> text = {};  ///< of ids; may be empty
};

/// What a file of stopping/ defines: `extern constinit const StoppingEntry stopping_NAME`.
struct StoppingEntry {
  std::span<const OptionDeclaration *const> options;
  /// nullptr: the options do not ask for it.
  std::unique_ptr<StoppingRule> (*make)(const GenerationConfig &, const StoppingContext &);
};

/// All of them, in the order of their names.
std::span<const StoppingEntry *const> stopping_rules();

/// Those that the configuration asks for; rules that end with FinishReason::stop before those of length.
StoppingRules make_stopping_rules(const GenerationConfig &config, const StoppingContext &context);

/// The reason of the first rule that ends the row; nullopt: it goes on.
std::optional<FinishReason> finish_reason(const StoppingRules &rules, std::span<const int64_t> ids);

}  // namespace kvern
