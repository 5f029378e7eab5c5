// What logits processors and the draw behind them cost for one row, one JSON line: milliseconds of processor time, median.
//   kvern_processor_bench VOCABULARY LENGTH [NAME=VALUE ...]
// LENGTH: tokens of the text so far. The draw is measured apart.
#include <ctime>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/generation/processors.hpp"
#include "core/torch/single_thread.hpp"
#include "core/torch/torch.hpp"

namespace kvern {
namespace {

constexpr int kRepeats = 31, kWarmUp = 3;

double cpu_ms_now() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return 1e3 * static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_nsec);
}

template <class F>
double median_ms(F &&f) {
  std::vector<double> times;
  for (int i = 0; i < kRepeats + kWarmUp; ++i) {
    const double start = cpu_ms_now();
    f();
    if (i >= kWarmUp) times.push_back(cpu_ms_now() - start);
  }
  std::nth_element(times.begin(), times.begin() + kRepeats / 2, times.end());
  return times[kRepeats / 2];
}

GenerationConfig config_of(int argc, char **argv) {
  GenerationConfig config;
  config.set(option::do_sample, true);
  for (int i = 3; i < argc; ++i) {
    const std::string text = argv[i];
    const size_t at = text.find('=');
    const std::string value = text.substr(std::min(at + 1, text.size()));
    const bool whole = value.find_first_not_of("0123456789") == std::string::npos;
    set_option(config, text.substr(0, at),
               whole ? to_option(int64_t{std::atoll(value.c_str())}) : to_option(std::atof(value.c_str())));
  }
  return config;
}

int run(int argc, char **argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: kvern_processor_bench VOCABULARY LENGTH [NAME=VALUE ...]\n");
    return 2;
  }
  c10::InferenceMode no_gradients;
  const int64_t vocabulary = std::atoll(argv[1]), length = std::atoll(argv[2]);
  const GenerationConfig config = config_of(argc, argv);
  const at::Generator generator = at::detail::createCPUGenerator(0);
  const at::Tensor ids = at::randint(0, vocabulary, {1, length}, generator, at::TensorOptions(at::kLong));
  const at::Tensor logits = at::normal(0.0, 3.0, {1, vocabulary}, generator);
  const LogitsProcessors list = make_processors(config, {ids, length + 1});
  at::Tensor scores;
  const double ms = median_ms([&] {
    scores = logits;
    for (const auto &process : list) scores = (*process)(ids, scores);
  });
  const double draw = median_ms([&] { at::multinomial(scores.softmax(-1), 1, false, generator); });
  std::printf("{\"processors\": %zu, \"ms\": %.4f, \"draw_ms\": %.4f}\n", list.size(), ms, draw);
  return 0;
}

}  // namespace
}  // namespace kvern

int main(int argc, char **argv) {
  kvern::keep_torch_single_threaded();
  try {
    return kvern::run(argc, argv);
  } catch (const std::exception &e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
