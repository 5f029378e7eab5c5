#include "runtime/config/run_config.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <kvern/generation.hpp>

#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using kvern::OptionTable;
using kvern::config::load_run_config;
using kvern::config::Override;
using kvern::config::parse_run_config;
using kvern::config::parse_set;
using kvern::config::RunConfig;
namespace fs = std::filesystem;

namespace {

RunConfig parsed(const std::string &text, const std::vector<std::string> &sets = {}) {
  std::vector<Override> overrides;
  for (const std::string &set : sets) overrides.push_back(parse_set(set));
  return parse_run_config(text, "run.toml", "", overrides, kvern::generation_options());
}

RunConfig load(const std::optional<fs::path> &file, const std::vector<Override> &overrides = {}) {
  return load_run_config(file, overrides, kvern::generation_options());
}

/// The value of a key of [generation].
kvern::Option generation(const RunConfig &config, const std::string &name) {
  const auto *declared = kvern::find_option(kvern::generation_options(), name);
  REQUIRE(declared != nullptr);
  const kvern::OptionValue *value = config.generation.find(*declared);
  REQUIRE(value != nullptr);
  REQUIRE(value->value);
  return *value->value;
}

template <class T>
T generation_value(const RunConfig &config, const std::string &name) {
  T value;
  from_option(generation(config, name), value);
  return value;
}

std::string refusal(const std::string &text, const std::vector<std::string> &sets = {}) {
  return kvern::test::error_text(kvern::ErrorKind::config, [&] { parsed(text, sets); });
}

const char *kFull = R"(
model = "/models/x"
dtype = "bf16"
cache_dtype = "float16"
threads = 2
seed = 7
plugin_path = ["/a", "/b"]
memory_budget = "2GB"
cache_implementation = "quantized"
[cache_config]
nbits = 4
[generation]
do_sample = true
temperature = 1
top_k = 5
top_p = 0.9
min_p = 0.05
repetition_penalty = 1.1
max_new_tokens = 9
max_length = 30
num_return_sequences = 2
eos_token_id = [1, 2]
pad_token_id = 0
use_cache = false
prefill_chunk_size = 64
)";

}  // namespace

TEST_CASE("Every key of a configuration reaches its field") {
  const RunConfig config = parsed(kFull);
  CHECK(config.model == "/models/x");
  CHECK(config.dtype == "bfloat16");
  CHECK(config.cache_dtype == "float16");
  CHECK(config.threads == 2);
  CHECK(config.seed == 7);
  CHECK(config.plugin_path == std::vector<fs::path>{"/a", "/b"});
  CHECK(config.memory_budget == 2'000'000'000);
  CHECK(config.cache_implementation == "quantized");
  REQUIRE(config.cache_config.size() == 1);
  CHECK(config.cache_config[0].second.place == "run.toml:11");
  CHECK(generation_value<bool>(config, "do_sample"));
  CHECK(generation_value<double>(config, "temperature") == 1.0);
  CHECK(generation_value<int64_t>(config, "top_k") == 5);
  CHECK(generation_value<double>(config, "top_p") == 0.9);
  CHECK(generation_value<double>(config, "min_p") == 0.05);
  CHECK(generation_value<double>(config, "repetition_penalty") == 1.1);
  CHECK(generation_value<int64_t>(config, "max_new_tokens") == 9);
  CHECK(generation_value<int64_t>(config, "max_length") == 30);
  CHECK(generation_value<int64_t>(config, "num_return_sequences") == 2);
  CHECK(generation_value<std::vector<int64_t>>(config, "eos_token_id") == std::vector<int64_t>{1, 2});
  CHECK(generation_value<int64_t>(config, "pad_token_id") == 0);
  CHECK_FALSE(generation_value<bool>(config, "use_cache"));
  CHECK(generation_value<int64_t>(config, "prefill_chunk_size") == 64);
  CHECK(generation(config, "top_k").place == "run.toml:15");
}

TEST_CASE("An empty configuration asks for the built-in model with the dynamic cache") {
  const RunConfig config = load(std::nullopt);
  CHECK_FALSE(config.model);
  CHECK(config.cache_implementation == "dynamic");
  CHECK(config.cache_config.empty());
  for (const auto *d : kvern::generation_options()) CHECK_FALSE(config.generation.is_set(*d));
}

TEST_CASE("Single values may stand for lists of one") {
  const RunConfig config = parsed("plugin_path = '/p'\n[generation]\neos_token_id = 3\n");
  CHECK(config.plugin_path == std::vector<fs::path>{"/p"});
  CHECK(generation_value<std::vector<int64_t>>(config, "eos_token_id") == std::vector<int64_t>{3});
  CHECK(generation_value<std::vector<int64_t>>(parsed("[generation]\neos_token_id = []"), "eos_token_id")
            .empty());
}

TEST_CASE("Positions beyond the model's limit are taken on request only") {
  CHECK_FALSE(parsed("").allow_beyond_context);
  CHECK(parsed("allow_beyond_context = true").allow_beyond_context);
}

TEST_CASE("A memory budget is bytes or an amount") {
  CHECK(parsed("memory_budget = 4096").memory_budget == 4096);
  CHECK(parsed("memory_budget = '1 GiB'").memory_budget == 1 << 30);
  CHECK(refusal("memory_budget = 'much'") ==
        "run.toml:1: memory_budget: expected bytes or an amount like \"2GB\" or \"512MiB\", found the string "
        "'much'");
  CHECK(refusal("memory_budget = 0") ==
        "run.toml:1: memory_budget: expected bytes or an amount like \"2GB\" or \"512MiB\", found the "
        "integer 0");
}

TEST_CASE("Weights are packed to 8 or 4 bits, in groups of a multiple of 32") {
  const RunConfig config = parsed("[weights]\nbits = 4\ngroup_size = 64\nhead_bits = 16");
  CHECK(config.weights.bits == 4);
  CHECK(config.weights.group_size == 64);
  CHECK(config.weights.head_bits == 16);
  CHECK_FALSE(parsed("").weights.bits);
  CHECK(refusal("[weights]\nbits = 5") == "run.toml:2: weights.bits: expected 8 or 4, found the integer 5");
  CHECK(refusal("[weights]\ngroup_size = 48") ==
        "run.toml:2: weights.group_size: expected a multiple of 32, found the integer 48");
  CHECK(refusal("[weights]\nhead_bits = 2") ==
        "run.toml:2: weights.head_bits: expected 16, 8 or 4, found the integer 2");
}

TEST_CASE("An unknown key is answered with the nearest one") {
  CHECK(refusal("\ncache_implementatio = 'x'") ==
        "run.toml:2: cache_implementatio: unknown key 'cache_implementatio'; did you mean "
        "'cache_implementation'?");
  CHECK(refusal("[generation]\nmax_new_token = 4") ==
        "run.toml:2: generation.max_new_token: unknown key 'max_new_token'; did you mean 'max_new_tokens'?");
  CHECK(refusal("[cache_confg]\nnbits = 4") ==
        "run.toml:1: cache_confg: unknown key 'cache_confg'; did you mean 'cache_config'?");
  CHECK(refusal("zzzzzzzzzz = 1") ==
        "run.toml:1: zzzzzzzzzz: unknown key 'zzzzzzzzzz'; known are allow_beyond_context, "
        "assistant_cache_implementation, assistant_model, cache_config, "
        "cache_dtype, "
        "cache_implementation, cache_layers, check_cache, "
        "device, dtype, echo_prompt, fallback, generation, host_memory_budget, logprobs, max_batch, "
        "memory_budget, "
        "model, plugin_path, "
        "prefix, seed, threads, weights");
}

TEST_CASE("A key in the wrong table is told where it belongs") {
  CHECK(refusal("top_k = 5") == "run.toml:1: top_k: unknown key 'top_k'; it belongs in [generation]");
  CHECK(refusal("[generation]\nseed = 5") ==
        "run.toml:2: generation.seed: unknown key 'seed'; it belongs at the top level");
}

TEST_CASE("A value of a wrong type is refused, not replaced by a default") {
  CHECK(refusal("[generation]\nmax_new_tokens = '12'") ==
        "run.toml:2: generation.max_new_tokens: expected an integer of 1 or more, or \"none\", found the "
        "string '12'");
  CHECK(refusal("[generation]\nmax_new_tokens = 1.5") ==
        "run.toml:2: generation.max_new_tokens: expected an integer of 1 or more, or \"none\", found the "
        "number 1.5");
  CHECK(refusal("[generation]\ndo_sample = 1") ==
        "run.toml:2: generation.do_sample: expected true or false, found the integer 1");
  CHECK(refusal("[generation]\ntemperature = 'hot'") ==
        "run.toml:2: generation.temperature: expected a number of 0 or more, found the string 'hot'");
  CHECK(refusal("[generation]\neos_token_id = [1, 'x']") ==
        "run.toml:2: generation.eos_token_id: expected an integer of 0 or more, or a list of such, found the "
        "string 'x'");
  CHECK(refusal("model = 3") == "run.toml:1: model: expected a string, found the integer 3");
  CHECK(refusal("plugin_path = [1]") ==
        "run.toml:1: plugin_path: expected a string, or a list of strings, found the integer 1");
  CHECK(refusal("cache_config = 4") ==
        "run.toml:1: cache_config: expected a table ([cache_config]), found the integer 4");
  CHECK(refusal("generation = []") ==
        "run.toml:1: generation: expected a table ([generation]), found a list");
}

TEST_CASE("All unknown keys are named at once") {
  CHECK(refusal("modl = 'x'\nthreads = 1\nzzzzzzzzz = 1\nthread = 2") ==
        "run.toml:1: modl: unknown key 'modl'; did you mean 'model'? Also unknown: 'zzzzzzzzz' (run.toml:3), "
        "'thread' "
        "(run.toml:4: did you mean 'threads'?)");
}

TEST_CASE("The number of threads is one that a machine may have, and is not cut to 32 bits") {
  CHECK(parsed("threads = 1024").threads == 1024);
  for (const char *number : {"1025", "1099511627776", "9223372036854775807", "-1"}) {
    INFO(number);
    CHECK(refusal(std::string("threads = ") + number) ==
          "run.toml:1: threads: expected an integer from 1 to 1024, found the integer " +
              std::string(number));
  }
}

TEST_CASE("A value out of range is refused") {
  CHECK(refusal("threads = 0") ==
        "run.toml:1: threads: expected an integer from 1 to 1024, found the integer 0");
  CHECK(refusal("seed = -1") == "run.toml:1: seed: expected an integer of 0 or more, found the integer -1");
  CHECK(refusal("model = ''") == "run.toml:1: model: is an empty string");
  CHECK(refusal("[generation]\ntop_p = 1.5") ==
        "run.toml:2: generation.top_p: expected a number from 0 to 1, found the number 1.5");
  CHECK(refusal("[generation]\ntemperature = -1") ==
        "run.toml:2: generation.temperature: expected a number of 0 or more, found the integer -1");
  CHECK(refusal("[generation]\nrepetition_penalty = inf") ==
        "run.toml:2: generation.repetition_penalty: expected a number above 0, found the number inf");
  CHECK(refusal("dtype = 'float23'") ==
        "run.toml:1: dtype: the type 'float23' is unknown; known are float32, bfloat16, float16; did you "
        "mean 'float32'?");
}

TEST_CASE("Overrides replace what the file says, the last one wins") {
  const RunConfig config =
      parsed(kFull, {"generation.top_k=9", "generation.top_k=10", "cache_implementation=static",
                     "cache_config.nbits=2", "cache_config.inner.x=true", "threads=4"});
  CHECK(generation_value<int64_t>(config, "top_k") == 10);
  CHECK(config.cache_implementation == "static");
  CHECK(config.threads == 4);
  REQUIRE(config.cache_config.size() == 2);
  CHECK(std::get<int64_t>(config.cache_config[0].second.value) == 2);
  CHECK(std::get<OptionTable>(config.cache_config[1].second.value)[0].first == "x");
}

TEST_CASE("An override makes the table it needs and replaces a whole table where it gives one") {
  CHECK(generation_value<bool>(parsed("", {"generation.do_sample=true"}), "do_sample"));
  CHECK(parsed(kFull, {"cache_config={ x = 1 }"}).cache_config[0].first == "x");
}

TEST_CASE("\"none\" unsets an option that may be unset, and only such") {
  const RunConfig config = parsed("[generation]\nmin_p = 'none'");
  const auto *min_p = kvern::find_option(kvern::generation_options(), "min_p");
  REQUIRE(config.generation.find(*min_p) != nullptr);
  CHECK_FALSE(config.generation.find(*min_p)->value);
  CHECK(refusal("[generation]\ntop_k = 'none'") ==
        "run.toml:2: generation.top_k: expected an integer of 0 or more, found the string 'none'");
}

TEST_CASE("A wrong override is refused with its own text as the place") {
  CHECK(refusal("", {"generation.top_k=many"}) ==
        "--set generation.top_k=many: expected an integer of 0 or more, found the string 'many'");
  CHECK(refusal("", {"generation.topk=5"}) ==
        "--set generation.topk=5: unknown key 'topk'; did you mean 'top_k'?");
  CHECK(refusal("", {"generaton.top_k=5"}) ==
        "--set generaton.top_k=5: unknown key 'generaton'; did you mean 'generation'?");
  CHECK(refusal("", {"threads"}) == "--set threads: expected KEY=VALUE, as in cache_config.nbits=4");
  CHECK(refusal("", {"=3"}) == "--set =3: expected KEY=VALUE, as in cache_config.nbits=4");
  CHECK(refusal("", {"a..b=3"}) == "--set a..b=3: expected KEY=VALUE, as in cache_config.nbits=4");
  CHECK(refusal("model = 'x'", {"model.size=3"}) ==
        "--set model.size=3: 'model' is no table but the string 'x'");
}

TEST_CASE("Paths in a file are meant from the file's own folder where they exist there") {
  const kvern::test::TemporaryFolder folder;
  fs::create_directories(folder / "plugins");
  std::ofstream(folder / "libmine.so") << "";
  std::ofstream(folder / "run.toml") << "model = 'elsewhere'\nplugin_path = ['plugins', '/absolute']\n"
                                     << "cache_implementation = './libmine.so'\n";
  const RunConfig config = load(folder / "run.toml");
  CHECK(config.plugin_path == std::vector<fs::path>{folder / "plugins", "/absolute"});
  CHECK(config.model == "elsewhere");
  CHECK(config.cache_implementation == (folder / "./libmine.so").string());
  CHECK(load(folder / "run.toml", {parse_set("plugin_path=plugins")}).plugin_path ==
        std::vector<fs::path>{"plugins"});
}

TEST_CASE("A file that cannot be read is refused in words of its own") {
  const kvern::test::TemporaryFolder folder;
  const auto refused = [](const fs::path &path) {
    return kvern::test::error_text(kvern::ErrorKind::config, [&] { load(path); });
  };
  CHECK(refused(folder / "no.toml") ==
        (folder / "no.toml").string() + ": no such file; a configuration is a TOML or JSON file");
  CHECK(refused(folder.path()) ==
        folder.path().string() +
            ": is a directory; a regular file is required; a configuration is a TOML or JSON file");
  CHECK(refused("/proc/self/mem") ==
        "/proc/self/mem: cannot be read: Input/output error; a configuration is a TOML or JSON file");
  CHECK(refused("/dev/zero") ==
        "/dev/zero: is a device; a regular file is required; a configuration is a TOML or JSON file");
  std::ofstream(folder / "bad.toml") << "threads = \"x\"\n";
  CHECK(refused(folder / "bad.toml") ==
        (folder / "bad.toml").string() +
            ":1: threads: expected an integer from 1 to 1024, found the string 'x'");
}

TEST_CASE("A configuration is read as JSON where its name or its first character says so") {
  const kvern::test::TemporaryFolder folder;
  const std::string text =
      "{\"threads\": 3, \"cache_config\": {\"nbits\": 4},\n\"generation\": {\"top_k\": 5, \"top_p\": null}}";
  std::ofstream(folder / "run.json") << text;
  const RunConfig config = load(folder / "run.json");
  CHECK(config.threads == 3);
  CHECK(generation_value<int64_t>(config, "top_k") == 5);
  CHECK_FALSE(config.generation.is_set(*kvern::find_option(kvern::generation_options(), "top_p")));
  CHECK(config.cache_config[0].second.place == (folder / "run.json").string() + ":1");
  CHECK(parsed("\n" + text).threads == 3);
  CHECK(refusal("{\n\"generation\": {\"topk\": 5}}") ==
        "run.toml:2: generation.topk: unknown key 'topk'; did you mean 'top_k'?");
  CHECK(refusal("{\"threads\": 1.0}") ==
        "run.toml:1: threads: expected an integer from 1 to 1024, found the number 1");
}

TEST_CASE("The example of the documentation is a valid configuration") {
  const char *source = std::getenv("KVERN_SOURCE_DIR");
  std::ifstream file(fs::path(source == nullptr ? "." : source) / "docs/configuration.md");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const size_t begin = text.find("```toml\n") + 8;
  REQUIRE(begin > 8);
  const RunConfig config = parsed(text.substr(begin, text.find("```", begin) - begin));
  CHECK(config.memory_budget == 2'000'000'000);
  CHECK(generation_value<int64_t>(config, "top_k") == 20);
}
