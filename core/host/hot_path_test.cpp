// The verbs of a step are called for every layer of every token: the host's side of them must not allocate.
#include "tests/support/test.hpp"

#include <kvern/cache.hpp>

#include "core/host/testing/counting_new.hpp"
#include "core/host/testing/toy_model.hpp"

using namespace kvern;

TEST_CASE("begin, view, update, attend and end allocate nothing") {
  const testing::Toy toy;
  Cache cache = toy.create();
  testing::feed(cache, 0, 3);
  testing::Tensor k(1, 2), v(1, 2);
  const testing::StepOf step(1, 3, 2);
  kvern_attend request{};
  DLTensor out_k, out_v;
  const int before = testing::allocations();
  cache.begin(step.get());
  cache.view(0);
  cache.update(0, k.get(), v.get(), &out_k, &out_v);
  cache.attend(request);
  cache.end(2);
  const int after = testing::allocations();
  CHECK(after == before);
  CHECK(before > 0);
}
