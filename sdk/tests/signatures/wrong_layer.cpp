// Compiled by the tests layer_*: one static_assert names the method and its signature, and that is the only error.
#include <kvern/sdk/layer_cache.hpp>

namespace {
using namespace kvern::sdk;

struct Base : DenseLayer {
  static constexpr const char *name = "mine", *version = "1", *summary = "for a test of signatures";
  using DenseLayer::DenseLayer;
};

struct Mine : Base {
  using Base::Base;
  METHOD
};
}  // namespace

KVERN_LAYER_PLUGIN(Mine)
