// The parts of the conformance kit: sequences that are made short, calls in processes of their own, libraries that are only read.
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>

#include "check/checked_cache.hpp"
#include "check/config.hpp"
#include "check/elf.hpp"
#include "check/isolate.hpp"
#include "check/measure.hpp"
#include "check/program.hpp"
#include "check/program_text.hpp"
#include "check/rules.hpp"
#include "check/shrink.hpp"
#include "check/tensor_view.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern::conformance;

TEST_CASE("a sequence is shrunk to the operations that fail together") {
  Operations operations;
  for (uint64_t i = 0; i < 50; ++i) operations.push_back(i);
  int tries = 0;
  const auto fails = [&](const Operations &some) {
    ++tries;
    const std::set<uint64_t> held(some.begin(), some.end());
    return held.count(7) && held.count(30) && held.count(31);
  };
  CHECK(shrink(operations, fails, 60) == Operations{7, 30, 31});
  CHECK(tries < 200);
  CHECK(shrink(
            {5}, [](const Operations &) { return true; }, 60) == Operations{5});
}

TEST_CASE("the same operations give the same program whatever stood before them") {
  struct Lines : Trace {
    std::vector<std::string> lines;
    void line(const std::string &text) override { lines.push_back(text); }
  };
  const Subject subject = open_subject(built_library("dynamic"));
  const Operations operations = random_sequence(3, 12);
  Done done;
  Lines first, second;
  run_operations(subject, false, operations, done, &first);
  run_operations(subject, true, operations, done, &second);
  CHECK(first.lines == second.lines);
  CHECK_THAT(first.lines[0], Catch::StartsWith("p.seed("));
  CHECK_THAT(first.lines[1], Catch::StartsWith("p.rows({Row{"));
}

TEST_CASE("an encoder that a full cache refuses to replace stays the one that it holds") {
  Config config;
  SubjectOptions options;
  options.options = {config.string("self_attention", "static"),
                     config.table("self_attention_config", {config.integer("max_cache_len", 6)})};
  const Subject subject = open_subject(built_library("encoder_decoder"), options);
  Program program(subject, false);
  program.seed(3);
  Row before, after;
  before.encoder = 11, before.encoder_len = 4;
  after.encoder = 12, after.encoder_len = 3;
  program.rows({before});
  CHECK(program.step({.new_tokens = {6}, .n_cross = 5}));
  program.replace_encoder({.new_tokens = {1}, .n_cross = 5}, {after});
  CHECK(program.times("full") == 1);
  CHECK(program.times("encoder replaced") == 0);
  CHECK(program.harness().rows[0].encoder == before.encoder);
  CHECK_NOTHROW(program.finish());
}

TEST_CASE("what becomes of a call in a process of its own is said, with the verb that ran") {
  const auto in_verb = [](void (*end)()) {
    return isolate(
        [end](Trace &trace) {
          trace.line("before");
          const RunningVerb running("update");
          end();
          return std::string("answer");
        },
        0.5);
  };
  const Attempt kept = in_verb([] { std::cout << "said" << std::flush; });
  CHECK(kept.ending == Ending::kept);
  CHECK(kept.answer == "answer");
  CHECK(kept.output == "said");
  CHECK(kept.trace == "before\n");
  const Attempt broken = in_verb([] { violated("wrong", "3.9"); });
  CHECK(broken.ending == Ending::broken);
  CHECK(broken.text == "wrong");
  CHECK(broken.rule == "3.9");
  const Attempt crashed = in_verb([] { raise(SIGSEGV); });
  CHECK(crashed.ending == Ending::crashed);
  CHECK(crashed.text == "crashed in update: Segmentation fault");
  CHECK(crashed.trace == "before\n");
  CHECK(in_verb([] { _exit(0); }).text == "ended the process in update, exit code 0");
  CHECK(in_verb([] { pause(); }).text == "did not return within 0.5 s in update");
}

TEST_CASE("a library is read without being run") {
  const ElfLibrary dynamic = read_elf(built_library("dynamic"));
  CHECK(dynamic.never_unloaded);
  CHECK_FALSE(dynamic.own_cxx_runtime);
  CHECK(std::count(dynamic.exported.begin(), dynamic.exported.end(), KVERN_ENTRY_NAME) == 1);
  CHECK(!dynamic.needed.empty());
  CHECK(!dynamic.imported.empty());
}

TEST_CASE("files that are no libraries, cut ones too, are refused with a sentence") {
  const kvern::test::TemporaryFolder folder;
  std::ifstream in(built_library("dynamic"), std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  const std::string path = folder / "cut.so";
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{3}, std::size_t{64}, whole.size() / 2, whole.size() - 1}) {
    std::ofstream(path, std::ios::binary) << whole.substr(0, size);
    CHECK_THROWS_WITH(read_elf(path), Catch::Contains("not a shared library of 64 bits"));
  }
  CHECK_THROWS_WITH(read_elf(folder / "absent.so"), Catch::Contains("cannot be read"));
}

TEST_CASE("a program names its options, and what it ends with in one line") {
  Config config;
  SubjectOptions options;
  options.options = {config.integer("nbits", 4), config.string("how", "a \"b\""),
                     config.boolean("fast", true), config.table("inner", {config.number("x", 0.5)})};
  options.tolerance = 0.25;
  const std::string text =
      program_text("/tmp/libx.so", options, true, "p.seed(1);\np.rows({Row{}});\n", "wrong\nhere");
  CHECK_THAT(text,
             Catch::Contains(
                 "options.options = {config.integer(\"nbits\", 4), config.string(\"how\", \"a \\\"b\\\"\"), "
                 "config.boolean(\"fast\", true), config.table(\"inner\", {config.number(\"x\", 0.5)})};"));
  CHECK_THAT(text, Catch::Contains("options.tolerance = 0.25;"));
  CHECK_THAT(text, Catch::Contains("p.seed(1); p.rows({Row{}});\n") ||
                       Catch::Contains("p.seed(1);   p.rows({Row{}});\n"));
  CHECK_THAT(text, Catch::Contains("\n  p.check();\n  p.finish();  // wrong here\n}"));
}

namespace {

const kvern_plugin *plugin_to_check;

kvern_status create_checked(const kvern_host *host, const kvern_create *create, kvern_cache **out,
                            kvern_error *error) {
  const kvern_status status = plugin_to_check->create(host, create, out, error);
  if (status == KVERN_OK) *out = checked_cache(host, *out, *create);
  return status;
}

}  // namespace

TEST_CASE("a cache that is checked while it works does all that it does alone") {
  Config config;
  const std::vector<std::pair<const char *, std::vector<const kvern_option *>>> caches{
      {"dynamic", {}},
      {"none", {}},
      {"paged", {config.integer("block_size", 32)}},
      {"quantized", {config.integer("nbits", 2), config.integer("residual_length", 64)}},
      {"sliding_window", {}},
      {"evicting", {config.integer("budget_tokens", 12), config.integer("num_sink_tokens", 2)}},
      {"sink", {config.integer("window_length", 9), config.integer("num_sink_tokens", 2)}},
      {"encoder_decoder", {}},
  };
  for (const auto &[name, options] : caches) {
    INFO(name);
    SubjectOptions with;
    with.options = options;
    with.tolerance = std::string(name) == "quantized" ? 2 : 0;
    Subject subject = open_subject(built_library(name), with);
    plugin_to_check = subject.plugin;
    kvern_plugin checked = *subject.plugin;
    checked.create = create_checked;
    subject.plugin = &checked;
    Done done;
    for (uint64_t seed = 2; seed < 12; seed += 2) {
      subject.first_tokens = seed % 4 == 0 ? 140 : 0;
      CHECK_NOTHROW(random_operations(subject, seed, 20, done));
    }
    CHECK(done["steps"] > 20);
  }
}

namespace {

/// A cache with a defect, checked while it works.
struct CheckedDefect {
  explicit CheckedDefect(const char *defect) {
    subject = open_subject(built_library("dynamic"));
    plugin_to_check = load_plugin(std::string(std::getenv("KVERN_BUILD_DIR")) +
                                  "/lib/kvern/test_plugins/broken/libkvern_defects.so");
    checked = *plugin_to_check;
    checked.create = create_checked;
    subject.plugin = &checked;
    subject.options = {config.string("defect", defect)};
  }
  Config config;
  kvern_plugin checked;
  Subject subject;
};

}  // namespace

TEST_CASE("what is exported after attend is read only if it has the shape and the type of the view") {
  for (const char *defect : {"attends_short", "attends_doubles"}) {
    INFO(defect);
    const CheckedDefect made(defect);
    FullHost host;
    CacheHarness harness(made.subject, host, 1);
    harness.rows.assign(1, Row{});
    const StepPlan plan{{4}, StepPlan::kAll, {}, -1, 0, StepPlan::Path::attend};
    CHECK_THROWS_WITH(harness.step(plan),
                      Catch::Contains("update after attend exports another shape or type"));
  }
}

TEST_CASE("a clone that a checked cache refuses is destroyed, and what destroy prints is logged") {
  const CheckedDefect made("prints_in_clone");
  FullHost host;
  {
    CacheHarness harness(made.subject, host, 1);
    feed_tokens(harness);
    CHECK_THROWS_WITH(harness.clone(), Catch::Contains("clone writes to standard output: clone"));
  }
  CHECK(host.live_buffers() == 0);
  const auto has_destroy = [](const std::string &line) {
    return line.find("check_cache: destroy writes to standard output: destroy") != std::string::npos;
  };
  CHECK(std::any_of(host.lines().begin(), host.lines().end(), has_destroy));
}

TEST_CASE("what a cache holds is found out by trying") {
  const auto facts = [](const char *name, std::vector<const kvern_option *> options = {}) {
    SubjectOptions with;
    with.options = std::move(options);
    return find_facts(*built_plugin(name), with);
  };
  Config config;
  CHECK(facts("dynamic").device);
  CHECK(facts("dynamic").keeps_all);
  CHECK(facts("dynamic").many_kinds);
  CHECK(facts("none").recompute);
  CHECK(facts("hybrid").composite);
  CHECK_FALSE(facts("evicting", {config.integer("budget_tokens", 8), config.integer("num_sink_tokens", 2)})
                  .keeps_all);
  const Facts sink =
      facts("sink", {config.integer("window_length", 9), config.integer("num_sink_tokens", 2)});
  CHECK_FALSE(sink.keeps_all);
  CHECK(text_of(unpack_facts(pack(sink))) == text_of(sink));
  CHECK_THROWS_WITH(facts("quantized", {config.integer("nbits", 5)}), Catch::Contains("option 'nbits' is 5"));
}

TEST_CASE("elements are read whatever the strides and the type") {
  float single[6] = {0, 1, 2, 3, 4, 5};
  int64_t shape[4] = {1, 1, 3, 2}, strides[4] = {6, 6, 1, 3};
  DLTensor tensor{single, {kDLCPU, 0}, 4, {kDLFloat, 32, 1}, shape, nullptr, 0};
  CHECK(read_element(tensor, 0, 0, 2, 1) == 5);
  tensor.strides = strides;
  CHECK(read_element(tensor, 0, 0, 2, 1) == 5);
  CHECK(read_element(tensor, 0, 0, 1, 0) == 1);
  tensor.strides = nullptr, tensor.byte_offset = 4, shape[2] = 2;
  CHECK(read_element(tensor, 0, 0, 1, 1) == 4);
  uint16_t half[2] = {0x3C00, 0xC000};
  tensor = {half, {kDLCPU, 0}, 4, {kDLFloat, 16, 1}, shape, nullptr, 0};
  CHECK(read_element(tensor, 0, 0, 0, 1) == -2);
  tensor.dtype.code = kDLBfloat;
  write_element(tensor, 0, 0, 0, 1, -3);
  CHECK(read_element(tensor, 0, 0, 0, 1) == -3);
}

TEST_CASE("what is measured is the cache and not the host's attention, also behind a long prompt") {
  Config config;
  SubjectOptions options;
  options.options = {config.string("policy", "h2o"), config.integer("budget_tokens", 256)};
  const auto begin = std::chrono::steady_clock::now();
  const Measured evicting = measure(*built_plugin("evicting"), options);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
  CHECK(evicting.step_ns > 0);
}

TEST_CASE("times and bytes of a cache are measured") {
  const Measured dynamic = measure(*built_plugin("dynamic"), {}, {.layers = 2, .prompt = 64, .steps = 8});
  CHECK(dynamic.bytes_per_token == 2 * 2 * 3 * 64 * 4);
  CHECK(dynamic.step_ns > 0);
  CHECK(dynamic.ns.front().first == "begin");
}
