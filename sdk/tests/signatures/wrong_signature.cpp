// Compiled by the tests signature_*: with CORRECT it compiles, else one static_assert names the method and its signature.
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/slot_cache.hpp>

namespace {
using namespace kvern::sdk;

struct Mine : BASE {
  static constexpr const char *name = "mine", *version = "1", *summary = "for a test of signatures";
  explicit Mine(const Create &create) : BASE(create, {}) {}
#ifndef CORRECT
  METHOD
#endif
};
}  // namespace

KVERN_PLUGIN(Mine)
