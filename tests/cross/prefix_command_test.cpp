// Prefixes at the command line: kept by one run, read by the next, listed, dropped.
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/process.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern::test;
using Json = nlohmann::json;
namespace fs = std::filesystem;

namespace {

Ran cli(std::vector<std::string> arguments, const std::vector<std::string> &environment) {
  arguments.insert(arguments.begin(), program("kvern"));
  return run(arguments, "", environment);
}

bool mentions(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

/// A cache folder and a prefix of its own.
struct Setting {
  Setting() {
    std::ofstream(folder / "rules.txt") << "Once upon a time there was a little girl who liked stones.\n";
  }
  Ran generate(std::vector<std::string> more) const {
    more.insert(more.begin(), {"generate", "--prefix-file", folder / "rules.txt", "--threads", "1",
                               "--output", "json", "--max-new-tokens", "8"});
    return cli(more, environment);
  }
  Ran prefix(std::vector<std::string> more) const {
    more.insert(more.begin(), "prefix");
    return cli(more, environment);
  }
  TemporaryFolder folder;
  std::vector<std::string> environment{"XDG_CACHE_HOME=" + folder.path().string()};
};

}  // namespace

TEST_CASE("The first run computes and keeps a prefix, the next one reads it, with the same text") {
  const Setting setting;
  const auto first = setting.generate({"--prompt", "She said"}),
             second = setting.generate({"--prompt", "She said"});
  INFO(first.err << second.err);
  REQUIRE(first.code == 0);
  REQUIRE(second.code == 0);
  const Json a = Json::parse(first.out), b = Json::parse(second.out);
  CHECK(a["prefix"]["restored"] == false);
  CHECK(b["prefix"]["restored"] == true);
  CHECK(a["prefix"]["file"] == b["prefix"]["file"]);
  CHECK(mentions(b["prefix"]["file"], (setting.folder.path() / "kvern" / "prefixes").string()));
  CHECK(a["output_ids"] == b["output_ids"]);
  CHECK(a["input_ids"] == b["input_ids"]);
  CHECK(a["input_ids"].size() > a["prefix"]["tokens"].get<size_t>());
  const auto other = Json::parse(setting.generate({"--prompt", "He said"}).out);
  CHECK(other["prefix"]["restored"] == true);
  CHECK(
      Json::parse(setting.generate({"--prompt", "He said", "--cache", "paged"}).out)["prefix"]["restored"] ==
      false);
  const auto beams = Json::parse(setting.generate({"--prompt", "He said", "--num-beams", "3"}).out);
  CHECK(beams["prefix"]["restored"] == true);
}

TEST_CASE("prefix list shows what is kept, drop removes it by name or all of it") {
  const Setting setting;
  CHECK(mentions(setting.prefix({"list"}).err, "no prefixes are kept in"));
  REQUIRE(setting.generate({"--prompt", "x"}).code == 0);
  REQUIRE(setting.generate({"--prompt", "x", "--cache", "paged"}).code == 0);
  const Json list = Json::parse(setting.prefix({"list", "--output", "json"}).out);
  REQUIRE(list["prefixes"].size() == 2);
  const Json &entry = list["prefixes"][0];
  CHECK(entry["tokens"].get<int>() > 5);
  CHECK(entry["bytes"].get<int64_t>() > 4096);
  CHECK(mentions(entry["text"], "Once upon a time"));
  const std::string name = entry["name"];
  const auto table = setting.prefix({"list"});
  CHECK(mentions(table.out, name.substr(0, 12)));
  CHECK(mentions(table.out, "paged"));
  CHECK(setting.prefix({"drop", name.substr(0, 12)}).out == name + " dropped\n");
  CHECK(Json::parse(setting.prefix({"list", "--output", "json"}).out)["prefixes"].size() == 1);
  std::ofstream(fs::path(list["folder"].get<std::string>()) / "x.kvprefix.new-77") << "half";
  CHECK(setting.prefix({"drop", "--all"}).out == "1 dropped\n");
  CHECK(fs::is_empty(list["folder"].get<std::string>()));
  for (const std::vector<std::string> &wrong : std::vector<std::vector<std::string>>{
           {}, {"lst"}, {"drop"}, {"drop", "zz"}, {"drop", "zz", "--all"}, {"list", "zz"}}) {
    const auto ran = setting.prefix(wrong);
    CHECK(ran.code == 2);
    CHECK(mentions(ran.err, "prefix"));
  }
  CHECK(mentions(setting.prefix({"lst"}).err, "did you mean 'list'?"));
}

TEST_CASE("A damaged prefix is listed as such, and computed again with a word") {
  const Setting setting;
  const Json first = Json::parse(setting.generate({"--prompt", "x"}).out);
  const std::string file = first["prefix"]["file"];
  fs::resize_file(file, fs::file_size(file) - 100);
  CHECK(mentions(setting.prefix({"list"}).out, "damaged"));
  const auto again = setting.generate({"--prompt", "x"});
  CHECK(again.code == 0);
  CHECK(mentions(again.err, "bytes, but should have"));
  CHECK(mentions(again.err, "the prefix is computed again"));
  CHECK(Json::parse(again.out)["output_ids"] == first["output_ids"]);
  CHECK(Json::parse(setting.generate({"--prompt", "x"}).out)["prefix"]["restored"] == true);
}

TEST_CASE("Many prompts share a prefix, and a configuration names it") {
  const Setting setting;
  std::ofstream(setting.folder / "in.jsonl") << "{\"prompt\": \"She said\"}\n{\"prompt\": \"He went\"}\n";
  std::ofstream(setting.folder / "run.toml")
      << "cache_implementation = \"paged\"\nthreads = 1\n[prefix]\nfile = \"rules.txt\"\nfolder = \"kept\"\n"
         "[generation]\nmax_new_tokens = 8\n";
  const auto many =
      cli({"generate", "--config", setting.folder / "run.toml", "--prompts", setting.folder / "in.jsonl"},
          setting.environment);
  INFO(many.err);
  REQUIRE(many.code == 0);
  const Json line = Json::parse(many.out.substr(0, many.out.find('\n')));
  const Json alone = Json::parse(
      cli({"generate", "--config", setting.folder / "run.toml", "--prompt", "She said", "--output", "json"},
          setting.environment)
          .out);
  CHECK(alone["prefix"]["restored"] == true);
  CHECK(fs::exists(setting.folder / "kept"));
  CHECK(line["output_ids"] == alone["output_ids"]);
  const auto shown = cli({"config", "--config", setting.folder / "run.toml", "--diff"}, setting.environment);
  CHECK(mentions(shown.out, "[prefix]"));
  CHECK(mentions(shown.out, "rules.txt"));
}

TEST_CASE("A prefix that cannot be is refused with one message") {
  const Setting setting;
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"generate", "--prompt", "x", "--threads", "1"});
    return cli(more, setting.environment);
  };
  const auto absent = with({"--prefix-file", "/no/such/file"});
  CHECK(absent.code == 6);
  CHECK(mentions(absent.err, "/no/such/file"));
  const auto both = with({"--prefix-file", setting.folder / "rules.txt", "--prefix-text", "x"});
  CHECK(both.code == 3);
  CHECK(mentions(both.err, "only one can be given"));
  CHECK(with({"--set", "prefix.fil=x"}).code == 3);
  CHECK(mentions(with({"--set", "prefix.fil=x"}).err, "did you mean"));
  const auto none = with({"--prefix-text", "A text.", "--cache", "none", "--max-new-tokens", "2"});
  CHECK(none.code == 0);
  CHECK(mentions(none.err, "the prefix is computed in every run"));
}
