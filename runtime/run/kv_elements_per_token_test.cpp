#include "runtime/run/kv_elements_per_token.hpp"

#include "tests/support/test.hpp"

using namespace kvern;

TEST_CASE("Keys and values of a token are counted once, where a layer has some of its own") {
  LayerSpec own;
  own.kv_heads = 2, own.head_dim_k = 8, own.head_dim_v = 4;
  LayerSpec shared = own, latent = own, state = own;
  shared.shares_layer = 0;
  latent.flags = KVERN_VALUES_IN_KEYS;
  state.kind = KVERN_LAYER_STATE;
  CHECK(kv_elements_per_token({own}) == 24);
  CHECK(kv_elements_per_token({own, own}) == 48);
  CHECK(kv_elements_per_token({own, shared}) == 24);
  CHECK(kv_elements_per_token({latent}) == 16);
  CHECK(kv_elements_per_token({state}) == 0);
}
