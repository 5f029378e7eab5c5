// Plugins written against the SDK of kvern 1.0, compiled unchanged (compat/): they keep every rule of the contract.
#include "tests/conformance/check_rules.hpp"
#include "check/random_operations.hpp"

using namespace kvern::conformance;

namespace {

void keeps_its_promises(const Subject &subject) {
  check_rules(subject);
  Done done;
  for (uint64_t seed = 0; seed < 6; ++seed) CHECK_NOTHROW(random_operations(subject, seed, 25, done));
  CHECK(done["elements"] > 1000);
}

std::vector<kvern_layer> two_layers() { return {attention_layer(), attention_layer()}; }

}  // namespace

TEST_CASE("a layer class on SlotCache, written for kvern 1.0, compiles and keeps the rules") {
  kvern_option eight{};
  eight.struct_size = sizeof eight;
  eight.type = KVERN_INT;
  eight.key = "nbits";
  eight.i = 8;
  Subject subject = subject_of("v1_rounded", two_layers());
  subject.options = {&eight};
  subject.tolerance = 0.03;
  keeps_its_promises(subject);
}

TEST_CASE("a cache that overrides methods of SlotCache, written for kvern 1.0, keeps the rules") {
  Subject sink = subject_of("v1_sink", two_layers());
  sink.semantics = {2, 9};
  keeps_its_promises(sink);
  keeps_its_promises(subject_of("v1_pieces", {attention_layer(), attention_layer(6)}));
}

TEST_CASE("a cache by verb, written for kvern 1.0, keeps the rules") {
  keeps_its_promises(subject_of("v1_paged", two_layers()));
}

TEST_CASE("a decorator written for kvern 1.0 keeps the rules") {
  keeps_its_promises(subject_of("v1_counted", two_layers()));
}

TEST_CASE("recurrent states written for kvern 1.0 take a step back and keep a part of it") {
  Subject subject = subject_of("v1_state", {state_layer()});
  Done done;
  for (uint64_t seed = 0; seed < 6; ++seed) CHECK_NOTHROW(random_operations(subject, seed, 25, done));
  CHECK(done["state"] > 20);
}
