// Caches by layer as a user meets them: a configuration, what it comes to (kvern caches --explain), and what is refused.
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/process.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern::test;
using Json = nlohmann::json;

namespace {

/// Four layers, of which 2 and 3 have a window of 8.
const std::string kModel = "tests/reference/recent/models/qwen3_window";

class Configuration {
 public:
  explicit Configuration(const std::string &text) {
    std::ofstream(file()) << "model = \"" << source_path(kModel) << "\"\n" << text;
  }
  std::string file() const { return (folder_.path() / "run.toml").string(); }

  Ran kvern(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), program("kvern"));
    return run(arguments, "");
  }
  Json explained() const {
    const Ran ran = kvern({"caches", "--explain", file(), "--tokens", "100", "--output", "json"});
    INFO(ran.err);
    REQUIRE(ran.code == 0);
    return Json::parse(ran.out);
  }
  std::string refusal() const {
    const Ran ran = kvern({"generate", "--config", file(), "--input-ids", "1,2"});
    CHECK(ran.code != 0);
    CHECK(ran.out.empty());
    return ran.err;
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("caches --explain shows each layer's cache and bytes, which add up") {
  const Configuration hybrid("cache_implementation = \"hybrid\"\n");
  const Json json = hybrid.explained();
  CHECK(json["tokens"] == 100);
  double bytes = 0, per_token = 0;
  for (const Json &layer : json["layers"]) {
    const bool window = layer["kind"].get<std::string>().starts_with("window");
    CHECK(layer["cache"] == (window ? "sliding_window" : "dynamic"));
    CHECK((layer["bytes_per_token"].get<double>() == 0) == window);
    bytes += layer["bytes_used"].get<double>(), per_token += layer["bytes_per_token"].get<double>();
  }
  CHECK(bytes == json["all"]["bytes_used"].get<double>());
  CHECK(per_token == json["all"]["bytes_per_token"].get<double>());
  const Ran text = hybrid.kvern({"caches", "--explain", hybrid.file()});
  CHECK(text.code == 0);
  CHECK_THAT(text.out,
             Catch::Contains("sliding_window") && Catch::Contains("window of 8") && Catch::Contains("all"));
}

TEST_CASE("cache_layers gives single layers a cache, and the others keep the configured one") {
  const Configuration chosen(
      "cache_implementation = \"static\"\n[cache_config]\nmax_cache_len = 128\n"
      "[[cache_layers]]\nindex = 0\ncache_implementation = \"none\"\n"
      "[[cache_layers]]\nkind = \"sliding_attention\"\nindex = 2\ncache_implementation = "
      "\"sliding_window\"\n");
  const Json json = chosen.explained();
  CHECK(json["layers"][0]["cache"] == "none");
  CHECK(json["layers"][2]["cache"] == "sliding_window");
  CHECK(json["layers"][1]["cache"] == "static");
}

TEST_CASE("A generation with caches by layer gives the ids of one cache") {
  const Configuration one("cache_implementation = \"dynamic\"\n"),
      by_layer("[[cache_layers]]\nkind = \"window\"\ncache_implementation = \"sliding_window\"\n");
  const auto ids = [](const Configuration &run) {
    const Ran ran =
        run.kvern({"generate", "--config", run.file(), "--input-ids", "5,9,17,3,200,41,7,8,99,14,2,77",
                   "--output", "json", "--max-new-tokens", "20"});
    INFO(ran.err);
    REQUIRE(ran.code == 0);
    return Json::parse(ran.out)["output_ids"];
  };
  CHECK(ids(by_layer) == ids(one));
}

TEST_CASE("Conflicts of cache_layers are refused with the file, the entries and the layers") {
  const Configuration twice(
      "[[cache_layers]]\nkind = \"window\"\ncache_implementation = \"sliding_window\"\n"
      "[[cache_layers]]\nrange = [0, 2]\ncache_implementation = \"static\"\n");
  CHECK_THAT(twice.refusal(), Catch::Contains("run.toml:2") && Catch::Contains("entry 1") &&
                                  Catch::Contains("entry 2") && Catch::Contains("layer"));
  const Configuration beyond("[[cache_layers]]\nindex = 40\ncache_implementation = \"static\"\n");
  CHECK_THAT(beyond.refusal(), Catch::Contains("layer 40") && Catch::Contains("layers 0 to"));
  const Configuration cannot(
      "[[cache_layers]]\nkind = \"attention\"\ncache_implementation = \"sliding_window\"\n");
  CHECK_THAT(cannot.refusal(), Catch::Contains("entry 1 of cache_layers") && Catch::Contains("no window"));
}

TEST_CASE("--explain and --tokens are refused where they make no sense") {
  const Configuration run("");
  CHECK(run.kvern({"caches", "--explain", run.file(), "static"}).code == 2);
  CHECK(run.kvern({"caches", "--explain", run.file(), "--tokens", "0"}).code == 2);
  CHECK(run.kvern({"caches", "--explain", run.file(), "--output", "toml"}).code == 2);
  CHECK(run.kvern({"caches", "--tokens", "5"}).code == 2);
}
