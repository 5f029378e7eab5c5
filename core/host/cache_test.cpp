#include "tests/support/test.hpp"

#include <kvern/cache.hpp>
#include <kvern/plugin_registry.hpp>

#include "core/host/testing/toy_model.hpp"

using namespace kvern;

TEST_CASE("What a step stores is handed out in the next") {
  testing::Toy toy;
  Cache cache = toy.create();
  testing::feed(cache, 0, 3);
  CHECK(cache.info().tokens == 3);
  testing::StepOf step(1, 3, 2);
  cache.begin(step.get());
  CHECK(cache.in_step());
  CHECK(cache.view(0).kv_len == 5);
  DLTensor k{}, v{};
  cache.update(0, nullptr, nullptr, &k, &v);
  CHECK(k.shape[2] == 5);
  for (int i = 0; i < 3; ++i) CHECK(testing::at(k, 0, 0, i, 0) == testing::key(0, i));
  cache.end(0);
  CHECK_FALSE(cache.in_step());
  CHECK(cache.info().tokens == 3);
}
