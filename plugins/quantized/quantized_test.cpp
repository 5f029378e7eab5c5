#include "check/program.hpp"
#include "tests/conformance/check_rules.hpp"

using namespace kvern::conformance;

namespace {

kvern_option option(const char *key, int64_t value) {
  kvern_option option{};
  option.struct_size = sizeof option;
  option.type = KVERN_INT;
  option.key = key;
  option.i = value;
  return option;
}

/// Subjects borrow their options: this owns them.
struct Case {
  Case(int64_t bits, int64_t axis_key, int64_t axis_value, int64_t group, int64_t residual)
      : options{option("nbits", bits), option("axis_key", axis_key), option("axis_value", axis_value),
                option("q_group_size", group), option("residual_length", residual)},
        subject(subject_of("quantized", {attention_layer(), attention_layer()})) {
    for (const kvern_option &one : options) subject.options.push_back(&one);
  }
  Case(const Case &) = delete;

  std::vector<kvern_option> options;
  Subject subject;
};

/// Every first step is so long that blocks of it are packed, at 8 bits, so that a wrong token shows.
void check_packed(int64_t axis_key, int64_t axis_value, int64_t group, int64_t residual, int64_t first,
                  const std::vector<kvern_layer> &layers = {attention_layer(), attention_layer()}) {
  Case packed(8, axis_key, axis_value, group, residual);
  packed.subject.layers = layers;
  packed.subject.first_tokens = first;
  packed.subject.tolerance = 0.03;
  check_rules(packed.subject);
}

}  // namespace

TEST_CASE("an export that finds no memory takes none, and the next one exports keys and values") {
  for (int64_t n = 0; n < 12; ++n) {
    Case packed(8, 1, 1, 32, 0);
    packed.subject.tolerance = 0.03;
    Program program(packed.subject, false);
    program.rows({Row{}});
    program.step({.new_tokens = {134}, .path = StepPlan::Path::attend});
    const StepPlan reads{.new_tokens = {1}, .path = StepPlan::Path::update};
    program.step_without_memory(reads, n, false);
    program.step(reads);
    CHECK_NOTHROW(program.finish());
  }
}

TEST_CASE("an option that quantized cannot serve is refused with what it may be") {
  const auto refusal = [](const kvern_option &wrong,
                          const std::vector<kvern_layer> &layers = {attention_layer()}) {
    Subject subject = subject_of("quantized", layers);
    if (wrong.key) subject.options.push_back(&wrong);
    FullHost host;
    kvern_cache *cache = nullptr;
    std::string message;
    CHECK(make_cache(subject, host, &cache, &message) != KVERN_OK);
    CHECK(host.live_buffers() == 0);
    return message;
  };
  CHECK(refusal(option("nbits", 5)) == "option 'nbits' is 5: it must be 8, 4, 3, 2 or 1");
  CHECK(refusal(option("value_nbits", 16)) == "option 'value_nbits' is 16: it must be 8, 4, 3, 2 or 1");
  CHECK(refusal(option("axis_key", 2)) == "option 'axis_key' is 2: it must be 0, 1 or -1");
  CHECK(refusal(option("q_group_size", 48)) ==
        "option 'q_group_size' is 48: it must be 16, 32, 64, 128 or 256");
  CHECK(refusal(option("residual_length", -1)) == "option 'residual_length' is -1: it must be at least 0");
  kvern_option search = option("search", 0);
  search.type = KVERN_STRING;
  search.s = "ful";
  CHECK(refusal(search) == "option 'search' is 'ful': it must be 'fast', 'full' or 'none'");
  CHECK(refusal(option("value_nbits", 8), {attention_layer(), latent_layer()}) ==
        "the model's values lie in its keys, so they are packed as these are: give value_nbits and "
        "axis_value the "
        "values of key_nbits and axis_key, or leave them out");
  CHECK(refusal({}, {attention_layer(), state_layer()}).find("layer 1 has recurrent states") !=
        std::string::npos);
}

TEST_CASE("quantized keeps every rule of the contract to the last bit while nothing is packed") {
  const kvern_option residual = option("residual_length", 256);
  Subject subject = subject_of("quantized", {attention_layer(), attention_layer()});
  subject.options.push_back(&residual);
  check_rules(subject);
}

TEST_CASE("quantized keeps every rule of the contract with packed tokens, per token") {
  check_packed(0, 0, 64, 0, 98);
}

TEST_CASE("quantized keeps every rule of the contract with packed tokens, keys per channel and a residual") {
  check_packed(1, 0, 16, 16, 114);
}

TEST_CASE("quantized keeps every rule of the contract with packed latents, whose values are in the keys") {
  check_packed(0, 0, 64, 0, 98, {latent_layer(), attention_layer()});
  check_packed(1, 1, 16, 16, 114, {latent_layer()});
}
