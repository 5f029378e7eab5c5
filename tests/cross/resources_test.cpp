// Memory and processes: what a long-lived program, two programs at once, and a program under a limit may count on.
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "runtime/run/session.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

// mallinfo2 counts nothing under the address sanitizer, which looks for leaks itself.
#if defined(__SANITIZE_ADDRESS__)
constexpr int kCalls = 20;
#else
constexpr int kCalls = 1000;
#endif

struct Memory {
  int64_t live;      ///< bytes allocated and not freed, on the heap and by mmap
  int64_t resident;  ///< bytes of the process
};

Memory memory() {
  const auto info = mallinfo2();
  int64_t pages = 0;
  std::ifstream in("/proc/self/statm");
  in >> pages >> pages;
  return {static_cast<int64_t>(info.uordblks + info.hblkhd), pages * ::sysconf(_SC_PAGESIZE)};
}

GenerationConfig short_generation(bool sampled) {
  GenerationConfig config;
  config.set(option::max_new_tokens, {int64_t{4}});
  config.set(option::do_sample, sampled);
  config.seed = 7;
  return config;
}

/// One call as a server makes it: a cache of its own, text to ids to text.
void answer(const Session &run, const std::string &cache, int call) {
  CacheRequest request = cache_request(run.config(), 1, 64);
  request.implementation = cache;
  Cache opened = open_cache(run.model(), request);
  const auto ids = run.tokenizer()->encode_hf("Once upon a time", true);
  const auto result = generate(run.model(), opened, {{ids}, {}}, short_generation(call % 2 == 1));
  REQUIRE_FALSE(run.tokenizer()->text(result.sequences[0], true).empty());
}

test::Ran kvern_under(const std::string &limit, const std::string &arguments) {
  return test::run(
      {"bash", "-c", "ulimit -c 0; ulimit -v " + limit + "; exec timeout 120 \"$KVERN\" " + arguments}, "",
      {"KVERN=" + test::program("kvern")});
}

/// Done, or out of memory in one line.
void expect_done_or_out_of_memory(const test::Ran &ran) {
  INFO(ran.err);
  CHECK((ran.code == 0 || ran.code == static_cast<int>(ErrorKind::out_of_memory)));
  if (ran.code == 0) return;
  CHECK(ran.out.empty());
  CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
}

}  // namespace

TEST_CASE("1000 generations in one process leave its memory as it was") {
  config::RunConfig config;
  config.model = test::source_path("models/demo");
  config.threads = 1;
  config.plugin_path = {test::program("../lib/kvern/plugins")};
  const Session run(std::move(config));
  const std::vector<std::string> caches{"dynamic", "static", "quantized", "none"};
  for (int i = 0; i < 40; ++i) answer(run, caches[i % 4], i / 4);  // what is made once and kept
  const Memory before = memory();
  for (int i = 0; i < kCalls; ++i) answer(run, caches[i % 4], i / 4);
  const Memory after = memory();
  INFO("live " << before.live << " to " << after.live << ", resident " << before.resident << " to "
               << after.resident);
  CHECK(after.live - before.live < 64 << 10);
#if !defined(__SANITIZE_ADDRESS__)  // which keeps freed memory for a while
  CHECK(after.resident - before.resident < 4 << 20);
#endif
}

TEST_CASE("Two processes use one model at the same time, each as if it were alone") {
  const std::string command = "\"$KVERN\" generate --threads 1 --prompt Once --max-new-tokens 60";
  const std::vector<std::string> environment{"KVERN=" + test::program("kvern")};
  const auto alone = test::run({"bash", "-c", command}, "", environment);
  REQUIRE(alone.code == 0);
  const test::TemporaryFolder folder;
  const std::string other = (folder / "other").string();
  const auto both =
      test::run({"bash", "-c",
                 command + " >" + other + " & " + command + " || exit 1; wait $! || exit 1; cat " + other},
                "", environment);
  INFO(both.err);
  CHECK(both.code == 0);
  CHECK(both.out == alone.out + alone.out);
}

#if !defined(__SANITIZE_ADDRESS__)  // which reserves terabytes of addresses
TEST_CASE("Under a limit of the address space every command is done or out of memory in one line") {
  // The first limit at which the libraries load at all: below it they end the process before main.
  int64_t least = 400'000;
  while (least < 4'000'000 && kvern_under(std::to_string(least), "--version").code != 0) least += 10'000;
  REQUIRE(least < 4'000'000);
  const test::TemporaryFolder folder;
  std::ifstream in(test::source_path("bench/text/mill.txt"));
  std::string text(3000, ' ');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  std::ofstream(folder / "t.txt") << text;
  for (const int64_t more : {0, 10'000, 30'000, 100'000}) {
    const std::string limit = std::to_string(least + more);
    INFO("ulimit -v " << limit);
    expect_done_or_out_of_memory(kvern_under(limit, "generate --threads 1 --prompt x --max-new-tokens 4"));
    expect_done_or_out_of_memory(kvern_under(
        limit, "bench --threads 1 --depths 0,2048 --new 2 --prefill 64 --repeats 1 --caches dynamic"));
    expect_done_or_out_of_memory(kvern_under(
        limit,
        "compare --threads 1 --context 256 --cache static --text-file " + (folder / "t.txt").string()));
  }
}
#endif

TEST_CASE("Under a memory budget bench and compare end with one line") {
  const auto expect = [](const std::vector<std::string> &arguments) {
    std::vector<std::string> command{"timeout", "120", test::program("kvern")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto ran = test::run(command);
    INFO(ran.err);
    CHECK(ran.code == 7);
    CHECK_THAT(ran.err, Catch::Contains("memory budget"));
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
    CHECK(ran.out.empty());
  };
  expect({"bench", "--threads", "1", "--depths", "4096", "--prefill", "", "--memory-budget", "1MB"});
  expect({"compare", "--threads", "1", "--cache", "static", "--context", "256", "--memory-budget", "100kB",
          "--text-file", test::source_path("bench/text/mill.txt")});
}

TEST_CASE("A cache larger than the memory that may be used is refused, without a budget too") {
  config::RunConfig config;
  config.model = test::source_path("models/demo");
  const Session session(std::move(config));
  const Cache cache = session.open_cache(1, 16);
  int64_t shape[] = {int64_t{1} << 50};
  const DLTensor prototype{nullptr, {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, shape, nullptr, 0};
  kvern_buffer *buffer = nullptr;
  kvern_error error{};
  error.struct_size = sizeof error;
  const kvern_host &host = *cache.host().table();
  CHECK(host.alloc(host.ctx, &prototype, 0, &buffer, &error) == KVERN_OUT_OF_MEMORY);
  CHECK_THAT(std::string(error.message), Catch::Contains("the usable memory of "));
}

TEST_CASE("Counts whose sums leave 64 bits are refused or capped, and nothing is waited for") {
  const auto ends = [](const std::vector<std::string> &arguments) {
    std::vector<std::string> command{"timeout", "120", test::program("kvern")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto ran = test::run(command);
    INFO(ran.err);
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') <= 1);
    return ran.code;
  };
  const std::string most = "9223372036854775807", text = test::source_path("bench/text/mill.txt");
  CHECK(ends({"bench", "--depths", most, "--prefill", ""}) == 2);
  CHECK(ends({"bench", "--depths", "99999999999", "--prefill", ""}) == 2);
  CHECK(ends({"bench", "--depths", "", "--prefill", most}) == 2);
  CHECK(ends({"bench", "--depths", "1", "--prefill", "", "--new", most}) == 2);
  CHECK(ends({"compare", "--threads", "1", "--text-file", text, "--cache", "static", "--context", most}) ==
        6);
  CHECK(ends({"compare", "--threads", "1", "--text-file", text, "--cache", "static", "--context", "64",
              "--windows", "2", "--chunk", most}) == 0);
}
