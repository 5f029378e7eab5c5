#include <kvern/sdk/plugin.hpp>

#include "tests/support/test.hpp"

using namespace kvern::sdk;

namespace {

/// The message of the failure, with its status in front.
template <class Call>
std::string failure(Call call) {
  try {
    call();
  } catch (const Failure &failure) {
    return text(failure.status(), ": ", failure.what());
  }
  return "";
}

}  // namespace

TEST_CASE("an option is what the user wrote, or its declared default") {
  const std::vector<Option> declared{integer_option("nbits", 4), number_option("scale", 0.5),
                                     boolean_option("fast", true), string_option("inner", "dynamic"),
                                     table_option("inner_config")};
  Option nbits = integer_option("nbits", 2), scale = integer_option("scale", 3);
  const std::vector<const kvern_option *> written{&nbits, &scale};
  const Options options(written, declared);
  CHECK(options.integer("nbits") == 2);
  CHECK(options.number("scale") == 3.0);
  CHECK(options.boolean("fast"));
  CHECK(options.string("inner") == "dynamic");
  CHECK(options.table("inner_config").empty());
  CHECK(options.is_written("nbits"));
  CHECK_FALSE(options.is_written("fast"));
  CHECK(failure([&] { options.integer("nbits", 3, 8); }) == "1: option 'nbits' is 2: it must be at least 3");
  CHECK(failure([&] { options.integer("nbits", 0, 1); }) == "1: option 'nbits' is 2: it must be at most 1");
  CHECK(options.integer_of("nbits", {4, 2}) == 2);
  CHECK(failure([&] {
          options.integer_of("nbits", {8, 4, 3});
        }) == "1: option 'nbits' is 2: it must be 8, 4 or 3");
  CHECK(options.string_of("inner", {"dynamic"}) == "dynamic");
  CHECK(failure([&] {
          options.string_of("inner", {"static", "none"});
        }) == "1: option 'inner' is 'dynamic': it must be 'static' or 'none'");
  CHECK(failure([&] { options.boolean("nbits"); }).substr(0, 2) == "1:");
  CHECK(failure([&] { options.integer("absent"); }).substr(0, 2) == "8:");
}

TEST_CASE("whatever a plugin throws becomes a status and a sentence") {
  kvern_error error = empty_error();
  CHECK(guarded(&error, [] {}) == KVERN_OK);
  CHECK(guarded(&error, [] { fail(KVERN_UNSUPPORTED, "no ", 3, " rows"); }) == KVERN_UNSUPPORTED);
  CHECK(std::string(error.message) == "no 3 rows");
  CHECK(guarded(&error, [] { throw std::bad_alloc(); }) == KVERN_OUT_OF_MEMORY);
  CHECK(guarded(&error, [] { throw std::runtime_error("x"); }) == KVERN_INTERNAL);
  CHECK(guarded(&error, [] { throw 3; }) == KVERN_INTERNAL);
  CHECK(guarded(nullptr, [] { throw 3; }) == KVERN_INTERNAL);
}

TEST_CASE("a message that is cut is cut between characters") {
  kvern_error error = empty_error();
  error.struct_size = offsetof(kvern_error, message) + 4;
  report(&error, KVERN_UNSUPPORTED, "ab\u00e9d");
  CHECK(std::string(error.message) == "ab");
}

TEST_CASE("sizes that no memory could hold are out of memory, not a small number") {
  CHECK(product(3, 4) == 12);
  CHECK(failure([] { product(int64_t{1} << 40, int64_t{1} << 40); }).substr(0, 2) == "4:");
  CHECK(failure([] { product(int64_t{-1}, 2); }).substr(0, 2) == "4:");
}
