#include "tests/support/test.hpp"

#include <kvern/plugin_registry.hpp>

#include "core/host/testing/message_of.hpp"
#include "core/host/testing/toy_cache.hpp"

using namespace kvern;
using kvern::testing::message_of;

namespace {

/// What check_plugin says of the toy's table as it stands.
std::string refusal() {
  const kvern_entry_fn entry = [](const kvern_host *) -> const kvern_plugin * { return &toy::plugin; };
  return message_of([&] { check_plugin(entry, "toy", "toy.so"); });
}

/// What check_plugin says of a toy whose list of options has this at its end.
std::string refusal_of_option(const kvern_option *option) {
  static const kvern_option *list[2];
  list[0] = &toy::nbits;
  list[1] = option;
  toy::restore("toy");
  toy::plugin.n_options = 2;
  toy::plugin.options = list;
  const std::string said = refusal();
  toy::restore("toy");
  return said;
}

}  // namespace

TEST_CASE("An honest table is accepted, also of a later minor version with a longer table") {
  toy::restore("toy");
  CHECK(refusal() == "nothing was thrown");
  toy::plugin.abi_minor = 7;
  toy::plugin.struct_size += 64;
  CHECK(refusal() == "nothing was thrown");
  toy::restore("toy");
}

TEST_CASE("A table that is too short to be read is refused by its size") {
  toy::restore("toy");
  toy::plugin.struct_size = offsetof(kvern_plugin, create);
  CHECK(refusal() ==
        "toy.so: its table has struct_size 56, version 1.0 has at least 64: set struct_size = "
        "sizeof(kvern_plugin)");
  toy::plugin.struct_size = 4;
  CHECK(refusal() ==
        "toy.so: its table has struct_size 4, too small to hold a version: set struct_size = "
        "sizeof(kvern_plugin)");
  toy::restore("toy");
}

TEST_CASE("A table without its strings, or without create, is refused by what is missing") {
  const auto refused_without = [](auto member) {
    toy::restore("toy");
    toy::plugin.*member = nullptr;
    const std::string said = refusal();
    toy::restore("toy");
    return said;
  };
  CHECK(refused_without(&kvern_plugin::name) ==
        "toy.so: its name is NULL; it must be 'toy', as the file is called");
  CHECK(refused_without(&kvern_plugin::version) ==
        "toy.so: its version is NULL; a string is required (it may be empty)");
  CHECK(refused_without(&kvern_plugin::summary) ==
        "toy.so: its summary is NULL; a string is required (it may be empty)");
  CHECK(refused_without(&kvern_plugin::build) ==
        "toy.so: its build is NULL; a string is required (it may be empty)");
  CHECK(refused_without(&kvern_plugin::options) == "toy.so: it has 6 options, but the list of them is NULL");
  CHECK(refused_without(&kvern_plugin::create) ==
        "toy.so: its create is NULL; a plugin must be able to create a cache");
}

TEST_CASE("An option that is not well-formed is refused by its number, name and fault") {
  const auto changed = [](auto change) {
    kvern_option option = toy::scale;
    change(option);
    return refusal_of_option(&option);
  };
  CHECK(refusal_of_option(&toy::scale) == "nothing was thrown");
  CHECK(refusal_of_option(nullptr) == "toy.so: its option 1 is NULL");
  CHECK(refusal_of_option(&toy::nbits) == "toy.so: its option 1 ('nbits') is there twice");
  CHECK(changed([](kvern_option &o) { o.struct_size = 8; }) ==
        "toy.so: its option 1 has struct_size 8, not at least 56");
  CHECK(changed([](kvern_option &o) { o.key = ""; }) == "toy.so: its option 1 has no key");
  CHECK(changed([](kvern_option &o) { o.type = 6; }) ==
        "toy.so: its option 1 ('scale') has the unknown type 6");
  CHECK(changed([](kvern_option &o) { o.type = KVERN_STRING, o.s = nullptr; }) ==
        "toy.so: its option 1 ('scale') is a string with a default of NULL");
  CHECK(changed([](kvern_option &o) { o.n_items = 1; }) ==
        "toy.so: its option 1 ('scale') has items that are NULL");
}

TEST_CASE("The items of a default are checked as the option is, to a depth that no recursion feels") {
  kvern_option item{}, option{};
  item.struct_size = option.struct_size = sizeof(kvern_option);
  item.key = "";
  option.key = "list";
  option.type = KVERN_ARRAY;
  const kvern_option *items[1] = {nullptr};
  option.items = items;
  option.n_items = 1;
  CHECK(refusal_of_option(&option) == "toy.so: its option 1 ('list') has an item 0 that is NULL");
  items[0] = &item;
  CHECK(refusal_of_option(&option) == "nothing was thrown");
  item.type = 9;
  CHECK(refusal_of_option(&option) ==
        "toy.so: its option 1 ('list') has an item 0 that has the unknown type 9");
  items[0] = &option;  // without end
  CHECK_THAT(refusal_of_option(&option), Catch::EndsWith("is nested more than 32 deep"));
}
