// Divides scores by the temperature: below 1 sharpens the distribution, above 1 flattens it.
#include "core/generation/processors.hpp"
#include "core/torch/torch.hpp"

namespace kvern {

extern constinit const GenerationOption<double> option::temperature{
    {.name = "temperature",
     .default_value = 1.0,
     .range = {.min = 0},
     .of_sampling = true,
     .help = "below 1 sharpens the distribution, above 1 flattens it; 0 = greedy, as without do_sample",
     .source = "Ackley, Hinton and Sejnowski 1985"}};

namespace {

class Temperature : public LogitsProcessor {
 public:
  explicit Temperature(double temperature) : temperature_(temperature) {}
  at::Tensor operator()(const at::Tensor &, const at::Tensor &scores) const override {
    return scores / temperature_;
  }

 private:
  double temperature_;
};

constexpr const OptionDeclaration *kOptions[] = {&option::temperature};

std::unique_ptr<LogitsProcessor> make(const GenerationConfig &config, const ProcessorContext &) {
  const double value = config.get(option::temperature);
  if (value == 1.0) return nullptr;
  return std::make_unique<Temperature>(value);
}

}  // namespace

extern constinit const ProcessorEntry processor_temperature = {ProcessorOrder::temperature, kOptions, make};

}  // namespace kvern
