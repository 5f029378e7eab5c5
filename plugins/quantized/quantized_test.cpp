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
void check_packed(int64_t axis_key, int64_t axis_value, int64_t group, int64_t residual, int64_t first) {
  Case packed(8, axis_key, axis_value, group, residual);
  packed.subject.first_tokens = first;
  packed.subject.tolerance = 0.03;
  check_rules(packed.subject);
}

}  // namespace

TEST_CASE("quantized keeps every rule of the contract to the last bit while nothing is packed") {
  check_rules(subject_of("quantized", {attention_layer(), attention_layer()}));
}

TEST_CASE("quantized keeps every rule of the contract with packed tokens, per token") {
  check_packed(0, 0, 64, 0, 98);
}

TEST_CASE("quantized keeps every rule of the contract with packed tokens, keys per channel and a residual") {
  check_packed(1, 0, 16, 16, 114);
}
