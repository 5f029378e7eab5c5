#include "tests/support/test.hpp"

#include "core/host/build_string.hpp"

#include <kvern/plugin_registry.hpp>

using kvern::build_difference;

TEST_CASE("The host's build names the LibTorch it was built with") {
  CHECK_THAT(kvern::host_build(), Catch::Matchers::StartsWith("torch=2."));
  CHECK_THAT(kvern::host_build(), Catch::Matchers::EndsWith(";cxx11abi=1"));
}

TEST_CASE("A plain plugin, and one of the same build, fit") {
  CHECK(build_difference("", "torch=2.11.0;cxx11abi=1").empty());
  CHECK(build_difference("torch=2.11.0;cxx11abi=1", "torch=2.11.0;cxx11abi=1").empty());
}

TEST_CASE("A build that does not fit is refused by the field that differs") {
  const std::string host = "torch=2.11.0;cxx11abi=1";
  CHECK(build_difference("torch=2.10.0;cxx11abi=1", host) == "torch=2.10.0, the host has torch=2.11.0");
  CHECK(build_difference("torch=2.11.0;cxx11abi=0", host) == "cxx11abi=0, the host has cxx11abi=1");
  CHECK(build_difference("torch=2.11.0", host) == "no cxx11abi, the host has cxx11abi=1");
  CHECK(build_difference("torch=2.11.0;cxx11abi=1;cuda=13", host) == "cuda=13, the host has no cuda");
  CHECK(build_difference("nonsense", host) == "no torch, the host has torch=2.11.0");
}

TEST_CASE("A build of the same fields in another order is still refused, in full") {
  CHECK(build_difference("cxx11abi=1;torch=2.11.0", "torch=2.11.0;cxx11abi=1") ==
        "'cxx11abi=1;torch=2.11.0', the host has 'torch=2.11.0;cxx11abi=1'");
}

TEST_CASE("A program that embeds kvern says which LibTorch is in its process") {
  const std::string built = kvern::host_build();
  kvern::set_host_build("torch=2.9.1;cxx11abi=1");
  CHECK(kvern::host_build() == "torch=2.9.1;cxx11abi=1");
  kvern::set_host_build("");
  CHECK(build_difference("torch=2.11.0;cxx11abi=1", kvern::host_build()) ==
        "torch=2.11.0, the host has no torch");
  kvern::set_host_build(built);
}
