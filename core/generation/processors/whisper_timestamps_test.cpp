#include "core/generation/testing/processors.hpp"
#include "tests/support/error_text.hpp"

using namespace kvern;
using namespace kvern::test;
using Ids = std::vector<int64_t>;

namespace {

// Text 0 to 3, the end 4, "no timestamps" 5, timestamps 6 to 9.
GenerationConfig config() {
  GenerationConfig config;
  set_option(config, "return_timestamps", to_option(true));
  set_option(config, "no_timestamps_token_id", to_option(int64_t{5}));
  set_option(config, "max_initial_timestamp_index", to_option(int64_t{2}));
  set_option(config, "eos_token_id", to_option(Ids{4}));
  return config;
}

/// What may follow, where text is likelier than all timestamps together.
Ids after(Ids generated) {
  Ids ids{0};
  ids.insert(ids.end(), generated.begin(), generated.end());
  return kept(processed(config(), {ids}, {{9, 9, 9, 9, 9, 0, 0, 0, 0, 0}}));
}

}  // namespace

TEST_CASE("A timestamp comes first, and none later than max_initial_timestamp_index") {
  CHECK(after({}) == Ids{6, 7, 8});
}

TEST_CASE("Timestamps come in pairs and never fall") {
  CHECK(after({7}) == Ids{0, 1, 2, 3, 4});           // the first one opens a segment
  CHECK(after({7, 1}) == Ids{0, 1, 2, 3, 4, 8, 9});  // text may go on, or end later than it began
  CHECK(after({7, 1, 8}) == Ids{4, 8, 9});           // the end of a segment: another begins, or all ends
  CHECK(after({7, 1, 8, 8}) == Ids{0, 1, 2, 3, 4});
}

TEST_CASE("Where all timestamps together are likelier than any other token, one is taken") {
  CHECK(kept(processed(config(), {{0, 7, 1}}, {{1, 1, 1, 1, 1, 0, 0, 0, 0.6f, 0.6f}})) == Ids{8, 9});
}

TEST_CASE("return_timestamps without the id that timestamps follow is refused") {
  GenerationConfig wrong;
  set_option(wrong, "return_timestamps", to_option(true));
  CHECK(error_text(ErrorKind::config, [&] {
          processed(wrong, {{0}}, {{0, 0}});
        }) == "return_timestamps: needs no_timestamps_token_id, which speech models have");
}
