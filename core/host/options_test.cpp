#include "tests/support/test.hpp"

#include <kvern/options.hpp>
#include <kvern/plugin_registry.hpp>

#include "core/host/testing/message_of.hpp"
#include "core/host/testing/toy_cache.hpp"

using namespace kvern;
using kvern::testing::message_of;

namespace {

std::string text_of(const OptionTable &table);

std::string text_of(const Option &option) {
  struct Writer {
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(int64_t i) const { return std::to_string(i); }
    std::string operator()(double f) const { return std::to_string(f); }
    std::string operator()(const std::string &s) const { return "'" + s + "'"; }
    std::string operator()(const OptionTable &t) const { return text_of(t); }
    std::string operator()(const OptionArray &a) const {
      std::string text = "[";
      for (const Option &item : a) text += text_of(item) + ",";
      return text + "]";
    }
  };
  return std::visit(Writer{}, option.value);
}

std::string text_of(const OptionTable &table) {
  std::string text = "{";
  for (const auto &[key, option] : table) text += key + "=" + text_of(option) + ",";
  return text + "}";
}

/// check_options of one option of the toy.
std::string problem(const std::string &key, Option option, const std::string &place = "") {
  toy::restore("toy");
  const AbiOptions abi(OptionTable{{key, std::move(option)}});
  return message_of([&] { check_options(toy::plugin, abi.data(), abi.size(), place); });
}

}  // namespace

TEST_CASE("A tree of options survives the border, in its order") {
  const OptionTable inner = {{"nbits", {int64_t{4}, ""}}, {"exact", {false, ""}}};
  const OptionArray list = {{std::string("a"), ""}, {inner, ""}, {OptionArray{}, ""}, {2.5, ""}};
  const OptionTable tree = {
      {"z", {true, ""}}, {"inner", {inner, ""}}, {"a", {list, ""}}, {"none", {OptionTable{}, ""}}};
  const AbiOptions made(tree);
  const AbiOptions abi = AbiOptions(tree);
  CHECK(text_of(from_abi(abi.data(), abi.size())) == text_of(tree));
  CHECK(text_of(tree) ==
        "{z=true,inner={nbits=4,exact=false,},a=['a',{nbits=4,exact=false,},[],2.500000,],none={},}");
}

TEST_CASE("Options may be moved while their C structs are in use") {
  AbiOptions first(OptionTable{{"inner", {std::string("static"), ""}}});
  const kvern_option *const *data = first.data();
  const AbiOptions second = std::move(first);
  CHECK(second.data() == data);
  CHECK(std::string((*data)->s) == "static");
}

TEST_CASE("Options of the right names and types are accepted, and an integer where a number is wanted") {
  const std::string accepted = "nothing was thrown";
  CHECK(problem("nbits", {int64_t{2}, ""}) == accepted);
  CHECK(problem("scale", {0.5, ""}) == accepted);
  CHECK(problem("scale", {int64_t{1}, ""}) == accepted);
  CHECK(problem("exact", {true, ""}) == accepted);
  CHECK(problem("inner", {std::string("x"), ""}) == accepted);
  CHECK(problem("inner_config", {OptionTable{{"anything", {true, ""}}}, ""}) == accepted);
  CHECK(problem("layers", {OptionArray{{true, ""}}, ""}) == accepted);
}

TEST_CASE("An unknown option is answered with its place, the nearest one and all there are") {
  CHECK(problem("nbit", {int64_t{2}, ""}, "run.toml:7") ==
        "run.toml:7: cache 'toy' has no option 'nbit'; did you mean 'nbits'? It has nbits, scale, inner, "
        "inner_config, layers, exact");
  CHECK(problem("zzzzzzzz", {int64_t{2}, ""}) ==
        "cache 'toy' has no option 'zzzzzzzz'; it has nbits, scale, inner, inner_config, layers, exact");
}

TEST_CASE("A plugin without options says that it has none") {
  toy::restore("toy");
  toy::plugin.n_options = 0;
  toy::plugin.options = nullptr;
  const AbiOptions abi(OptionTable{{"nbits", {int64_t{2}, ""}}});
  CHECK(message_of([&] { check_options(toy::plugin, abi.data(), abi.size(), ""); }) ==
        "cache 'toy' has no option 'nbits'; it has none");
}

TEST_CASE("A value of the wrong type is answered with the right type and what was given") {
  CHECK(problem("nbits", {std::string("four"), ""}, "--set") ==
        "--set: option 'nbits' of cache 'toy' must be an integer, not the string \"four\"");
  CHECK(problem("nbits", {4.5, ""}) ==
        "option 'nbits' of cache 'toy' must be an integer, not the number 4.5");
  CHECK(problem("nbits", {true, ""}) == "option 'nbits' of cache 'toy' must be an integer, not true");
  CHECK(problem("exact", {int64_t{1}, ""}) ==
        "option 'exact' of cache 'toy' must be true or false, not the integer 1");
  CHECK(problem("scale", {OptionArray{}, ""}) ==
        "option 'scale' of cache 'toy' must be a number, not an array");
  CHECK(problem("inner_config", {int64_t{1}, ""}) ==
        "option 'inner_config' of cache 'toy' must be a table, not the integer 1");
  CHECK(problem("layers", {OptionTable{}, ""}) ==
        "option 'layers' of cache 'toy' must be an array, not a table");
}

TEST_CASE("An option that is given twice is refused") {
  toy::restore("toy");
  const AbiOptions abi(OptionTable{{"nbits", {int64_t{2}, ""}}, {"nbits", {int64_t{4}, ""}}});
  CHECK(message_of([&] { check_options(toy::plugin, abi.data(), abi.size(), ""); }) ==
        "option 'nbits' of cache 'toy' is given twice");
}

TEST_CASE("An option of a type that this host does not know is the plugin's error") {
  const kvern_option odd = {sizeof odd, 9, "odd", 0, 0, nullptr, nullptr, 0, 0};
  const kvern_option *const list[] = {&odd};
  CHECK(message_of([&] { from_abi(list, 1); }) == "option 'odd' has the unknown type 9");
}
