#include "core/generation/stopping.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

std::optional<FinishReason> reason(const GenerationConfig &config, const std::vector<int64_t> &ids) {
  return finish_reason(make_stopping_rules(config, {/*prompt_length=*/2}), ids);
}

}  // namespace

TEST_CASE("A row that ends with an eos id at the length limit has stopped") {
  GenerationConfig config;
  config.set(option::eos_token_id, {7, 8});
  config.set(option::max_new_tokens, {int64_t{2}});
  CHECK_FALSE(reason(config, {1, 2, 3}));
  CHECK(reason(config, {1, 2, 8}) == FinishReason::stop);
  CHECK(reason(config, {1, 2, 3, 4}) == FinishReason::length);
  CHECK(reason(config, {1, 2, 3, 7}) == FinishReason::stop);
}

TEST_CASE("max_time ends rows with the first token after it") {
  GenerationConfig config;
  config.set(option::max_new_tokens, {int64_t{20}});
  set_option(config, "max_time", to_option(0.0));
  CHECK(reason(config, {1, 2, 3}) == FinishReason::length);
  set_option(config, "max_time", to_option(1000.0));
  CHECK_FALSE(reason(config, {1, 2, 3}));
}
