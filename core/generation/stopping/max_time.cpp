// Ends rows after a time.
#include <chrono>

#include "core/generation/stopping.hpp"

namespace kvern {
namespace {

using Clock = std::chrono::steady_clock;

constexpr GenerationOption<std::optional<double>> kMaxTime{{.name = "max_time",
                                                            .range = {.min = 0, .max = 1e9},
                                                            .help = "end after so many seconds",
                                                            .source = "transformers"}};

class EndsAfterTime : public StoppingRule {
 public:
  explicit EndsAfterTime(double seconds)
      : StoppingRule(FinishReason::length),
        end_(Clock::now() +
             std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds))) {}
  bool ends(std::span<const int64_t>) const override { return Clock::now() > end_; }

 private:
  Clock::time_point end_;
};

constexpr const OptionDeclaration *kOptions[] = {&kMaxTime};

std::unique_ptr<StoppingRule> make(const GenerationConfig &config, const StoppingContext &) {
  const auto seconds = config.get(kMaxTime);
  if (!seconds) return nullptr;
  return std::make_unique<EndsAfterTime>(*seconds);
}

}  // namespace

extern constinit const StoppingEntry stopping_max_time = {kOptions, make};

}  // namespace kvern
