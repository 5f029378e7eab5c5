// Kind "cache_api" with `outcomes`: settings that transformers' quantized caches accept or refuse.
#include <cstring>

#include "core/torch/torch.hpp"
#include "tests/reference_runner/cache_layer.hpp"
#include "tests/reference_runner/generate_options.hpp"
#include "tests/reference_runner/kinds.hpp"

namespace kvern::reference {
namespace {

constexpr int64_t kUpdates = 4, kHeads = 4, kTokens = 8, kDim = 16;

OptionTable options_of(const Json &outcome) {
  return cache_config_of({{"nbits", outcome.at("nbits")},
                          {"axis_key", outcome.at("axis")},
                          {"axis_value", outcome.at("axis")},
                          {"q_group_size", 32},
                          {"residual_length", 2}});
}

/// HQQ has every number of bits that any backend has: what it refuses kvern refuses too, naming the option.
bool must_be_refused(const Json &outcome) {
  return outcome.at("backend") == "HQQ" &&
         outcome.at("outcome").get<std::string>().find("ValueError: `nbits`") == 0;
}

/// A few updates: all tokens are held, the last ones exactly, and the others are nearer to what was stored than zeros are.
void expect_tokens(CacheLayer &layer, const std::string &what) {
  const auto generator = at::detail::createCPUGenerator(1);
  at::Tensor stored;
  KeysValues out;
  for (int64_t i = 0; i < kUpdates; ++i) {
    const at::Tensor fresh = at::randn({1, kHeads, kTokens, kDim}, generator);
    stored = stored.defined() ? at::cat({stored, fresh}, 2) : fresh;
    out = layer.update(fresh, fresh);
  }
  if (out.k.sizes() != stored.sizes()) fail(what + ": not as many tokens as were stored");
  expect_close(out.k.slice(2, -2), stored.slice(2, -2), {0, 0}, what + ", last tokens");
  if ((out.k - stored).square().sum().item<double>() > stored.square().sum().item<double>())
    fail(what + ": the keys are farther from what was stored than zeros");
}

void expect_outcome(const Json &outcome, const std::shared_ptr<Host> &host, const kvern_plugin &plugin) {
  const std::string what = outcome.at("backend").get<std::string>() + ", " +
                           std::to_string(outcome.at("nbits").get<int>()) + " bits, axis " +
                           std::to_string(outcome.at("axis").get<int>());
  LayerRequest request{kHeads, kDim};
  request.options = options_of(outcome);
  try {
    CacheLayer layer(host, plugin, request);
    if (must_be_refused(outcome)) fail(what + ": accepted, transformers refuses it");
    expect_tokens(layer, what);
  } catch (const CacheError &e) {
    if (outcome.at("outcome") == "works") fail(what + ": " + e.what());
    if (e.status() != KVERN_INVALID_ARGUMENT || !std::strstr(e.what(), "nbits"))
      fail(what + ": the refusal does not name the option: " + e.what());
  }
}

}  // namespace

void run_quantized_settings(const Case &c, Context &context) {
  if (context.cache && *context.cache != "quantized") skip("case for another cache: QuantizedCache");
  const kvern_plugin &plugin = *find_plugin("quantized", context.plugin_path).plugin;
  const auto host = std::make_shared<Host>();
  for (const Json &outcome : c.json.at("outcomes")) expect_outcome(outcome, host, plugin);
}

}  // namespace kvern::reference
