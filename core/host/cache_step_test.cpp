#include "tests/support/test.hpp"

#include <kvern/cache.hpp>

#include "core/host/testing/message_of.hpp"
#include "core/host/testing/toy_model.hpp"

using namespace kvern;
using kvern::testing::kind_of;
using kvern::testing::message_of;
using kvern::testing::status_of;
using kvern::testing::StepOf;
using kvern::testing::Toy;
using Update = decltype(kvern_cache_ops::update);

namespace {

/// A cache in an open step of three new tokens, on top of two.
struct OpenStep {
  Toy toy;
  Cache cache;
  StepOf step;
  testing::Tensor k{1, 3}, v{1, 3};
  DLTensor out_k{}, out_v{};
  explicit OpenStep(uint32_t flags = 0) : cache(toy.create()), step(1, 2, 3, flags) {
    testing::feed(cache, 0, 2);
    cache.begin(step.get());
  }
  void update() { cache.update(0, k.get(), v.get(), &out_k, &out_v); }
};

std::string defect(const std::string &what) { return "cache 'toy': a defect of the plugin: " + what; }

/// What is said of an update that returns the toy's keys or values after a change.
std::string refusal_of(Update changed) {
  OpenStep open;
  toy::ops.update = changed;
  open.cache.view(0);
  const std::string said = message_of([&] { open.update(); });
  CHECK(open.cache.lost());
  return said;
}

kvern_status failing(kvern_error *error, kvern_status status) {
  return toy::fail(error, status, "the toy broke");
}

}  // namespace

TEST_CASE("What a step stores is handed out in the next") {
  const Toy toy;
  Cache cache = toy.create();
  testing::feed(cache, 0, 3, 2);
  CHECK(cache.info().tokens == 3);
  const StepOf step(2, 3, 2);
  cache.begin(step.get());
  CHECK(cache.in_step());
  CHECK(cache.view(0).kv_len == 5);
  DLTensor k, v;
  cache.update(0, nullptr, nullptr, &k, &v);
  CHECK(k.shape[2] == 5);
  for (int64_t row = 0; row < 2; ++row)
    for (int64_t i = 0; i < 3; ++i) CHECK(testing::at(k, row, 1, i, 0) == testing::key(row, i));
  cache.end(0);
  CHECK_FALSE(cache.in_step());
  CHECK(cache.info().tokens == 3);
}

TEST_CASE("Verbs out of order are refused before the plugin sees them") {
  OpenStep open;
  Cache &cache = open.cache;
  CHECK(message_of([&] { cache.begin(open.step.get()); }) ==
        "cache 'toy': begin in an open step; end comes first");
  CHECK(kind_of([&] { cache.reset(); }) == ErrorKind::internal);
  CHECK(status_of([&] { cache.reset(); }) == KVERN_WRONG_STATE);
  CHECK(status_of([&] { cache.clone(); }) == KVERN_WRONG_STATE);
  CHECK(status_of([&] { cache.truncate({0}); }) == KVERN_WRONG_STATE);
  CHECK(status_of([&] { cache.gather({0}); }) == KVERN_WRONG_STATE);
  CHECK(cache.info().tokens == 2);
  cache.end(3);
  CHECK(message_of([&] { cache.view(0); }) == "cache 'toy': view needs an open step; begin comes first");
  CHECK(status_of([&] { open.update(); }) == KVERN_WRONG_STATE);
  CHECK(status_of([&] { cache.end(0); }) == KVERN_WRONG_STATE);
  CHECK(cache.info().tokens == 5);
}

TEST_CASE("A step without rows or positions is refused") {
  const Toy toy;
  Cache cache = toy.create();
  kvern_step step = StepOf(1, 0, 1).get();
  step.row_pos = nullptr;
  CHECK(message_of([&] { cache.begin(step); }) ==
        "cache 'toy': begin of a step with 1 rows, 1 new tokens and no row_pos");
  CHECK(status_of([&] { cache.begin(StepOf(1, 0, -1).get()); }) == KVERN_INVALID_ARGUMENT);
}

TEST_CASE("A step that the cache has no room for leaves it as it was, as an error of memory") {
  const Toy toy;
  Cache cache = toy.create();
  testing::feed(cache, 0, 2);
  const StepOf step(1, 2, 63);
  const auto action = [&] { cache.begin(step.get()); };
  CHECK(kind_of(action) == ErrorKind::out_of_memory);
  CHECK(status_of(action) == KVERN_OUT_OF_CAPACITY);
  CHECK(message_of(action) == "cache 'toy': the toy holds 64 tokens, no more");
  CHECK_FALSE(cache.in_step());
  testing::feed(cache, 2, 1);
  CHECK(cache.info().tokens == 3);
}

TEST_CASE("The memory budget's refusal comes out of begin with the host's words") {
  HostOptions options;
  options.memory_budget = 3000;
  const Toy toy(options);
  Cache cache = toy.create();
  const StepOf step(1, 0, 1);
  CHECK(status_of([&] { cache.begin(step.get()); }) == KVERN_OUT_OF_MEMORY);
  CHECK(message_of([&] { cache.begin(step.get()); }) ==
        "cache 'toy': the memory budget of 3000 bytes has no room for 2048 bytes more ([1, 2, 64, 4] "
        "float32): caches "
        "hold 2048 bytes");
  CHECK(toy.host->memory().live == 0);
}

TEST_CASE("Only a tentative step may keep a part of its tokens") {
  {
    OpenStep open;
    CHECK(message_of([&] { open.cache.end(2); }) ==
          "cache 'toy': end(2) of a step of 3 new tokens; only a tentative step may keep a part of them");
    CHECK(status_of([&] { open.cache.end(4); }) == KVERN_INVALID_ARGUMENT);
    CHECK(open.cache.in_step());
  }
  OpenStep tentative(KVERN_STEP_TENTATIVE);
  tentative.cache.end(2);
  CHECK(tentative.cache.info().tokens == 4);
}

TEST_CASE("end_rows is for tentative steps of caches that offer it") {
  OpenStep open(KVERN_STEP_TENTATIVE);
  CHECK(status_of([&] { open.cache.end_rows({1}); }) == KVERN_UNSUPPORTED);
  toy::ops.end_rows = [](kvern_cache *cache, const int64_t *keep, kvern_error *error) {
    return toy::end(cache, keep[0], error);
  };
  CHECK(status_of([&] { open.cache.end_rows({1, 1}); }) == KVERN_INVALID_ARGUMENT);
  CHECK(message_of([&] { open.cache.end_rows({4}); }) == "cache 'toy': end_rows to keep 4 of 3 new tokens");
  open.cache.end_rows({1});
  CHECK(open.cache.info().tokens == 3);
}

TEST_CASE("After a failure in a step only end(0) may follow, and then life goes on") {
  OpenStep open;
  toy::ops.update = [](kvern_cache *, int32_t, const DLTensor *, const DLTensor *, DLTensor *, DLTensor *,
                       kvern_error *error) { return failing(error, KVERN_OUT_OF_MEMORY); };
  CHECK(message_of([&] { open.update(); }) == "cache 'toy': the toy broke");
  CHECK(message_of([&] { open.cache.view(0); }) ==
        "cache 'toy': view after a failure in this step; only end(0) may follow");
  CHECK(status_of([&] { open.cache.end(3); }) == KVERN_WRONG_STATE);
  open.cache.end(0);
  toy::ops.update = toy::update;
  testing::feed(open.cache, 2, 1);
  CHECK(open.cache.info().tokens == 3);
}

TEST_CASE("An update that is unsupported leaves the step open for attend") {
  OpenStep open;
  toy::ops.update = [](kvern_cache *, int32_t, const DLTensor *, const DLTensor *, DLTensor *, DLTensor *,
                       kvern_error *error) { return failing(error, KVERN_UNSUPPORTED); };
  CHECK(status_of([&] { open.update(); }) == KVERN_UNSUPPORTED);
  CHECK(open.cache.view(0).kv_len == 5);
  open.cache.end(3);
}

TEST_CASE("A device error, an internal one and an unknown one lose the cache") {
  for (const kvern_status status : std::vector<kvern_status>{KVERN_DEVICE_ERROR, KVERN_INTERNAL, 99}) {
    OpenStep open;
    static kvern_status said;
    said = status;
    toy::ops.view = [](kvern_cache *, int32_t, kvern_view *, kvern_error *error) {
      return failing(error, said);
    };
    CHECK(status_of([&] { open.cache.view(0); }) == (status == 99 ? KVERN_INTERNAL : status));
    CHECK(open.cache.lost());
    CHECK(status_of([&] { open.cache.end(0); }) == KVERN_WRONG_STATE);
    CHECK(status_of([&] { open.cache.reset(); }) == KVERN_WRONG_STATE);
    CHECK(status_of([&] { open.cache.info(); }) == KVERN_WRONG_STATE);
  }
}

TEST_CASE("An end that fails loses the cache, whatever it says") {
  OpenStep open;
  toy::ops.end = [](kvern_cache *, int64_t, kvern_error *error) {
    return failing(error, KVERN_OUT_OF_MEMORY);
  };
  CHECK(status_of([&] { open.cache.end(3); }) == KVERN_OUT_OF_MEMORY);
  CHECK(open.cache.lost());
}

TEST_CASE("A cache that is destroyed in an open step takes the step back first") {
  static std::vector<std::string> calls;
  calls.clear();
  {
    const OpenStep open;
    toy::ops.end = [](kvern_cache *cache, int64_t n, kvern_error *error) {
      calls.push_back("end " + std::to_string(n));
      return toy::end(cache, n, error);
    };
    toy::ops.destroy = [](kvern_cache *cache) {
      calls.push_back("destroy");
      toy::destroy(cache);
    };
  }
  CHECK(calls == std::vector<std::string>{"end 0", "destroy"});
}

TEST_CASE("What goes wrong while a cache is destroyed is logged, and the cache is destroyed all the same") {
  static std::vector<std::string> lines;
  lines.clear();
  {
    HostOptions options;
    options.log = [](int, const std::string &line) { lines.push_back(line); };
    const Toy toy(options);
    Cache cache = toy.create();
    const StepOf step(1, 0, 1);
    cache.begin(step.get());
    toy::ops.end = [](kvern_cache *, int64_t, kvern_error *) -> kvern_status {
      throw std::runtime_error("bang");
    };
    toy::ops.destroy = [](kvern_cache *cache) {
      toy::destroy(cache);
      throw std::runtime_error("boom");
    };
  }
  CHECK(lines == std::vector<std::string>{defect("end threw an exception across the border: bang"),
                                          defect("destroy threw an exception across the border: boom")});
}

TEST_CASE("A view that cannot be true is noticed") {
  const auto refusal = [](decltype(kvern_cache_ops::view) view) {
    OpenStep open;
    toy::ops.view = view;
    return message_of([&] { open.cache.view(0); });
  };
  CHECK(refusal([](kvern_cache *, int32_t, kvern_view *view, kvern_error *) {
          view->kv_len = -1;
          return kvern_status{KVERN_OK};
        }) == defect("view of layer 0 says that there are -1 keys, less than none"));
  CHECK(refusal([](kvern_cache *, int32_t, kvern_view *view, kvern_error *) {
          view->kv_len = INT64_MAX;
          return kvern_status{KVERN_OK};
        }) ==
        defect("view of layer 0 says that there are 9223372036854775807 keys, more than any memory holds"));
  CHECK(refusal([](kvern_cache *cache, int32_t layer, kvern_view *view, kvern_error *error) {
          view->flags = 8;
          return toy::view(cache, layer, view, error);
        }) == defect("view of layer 0 says that there are 5 keys, with a flag that this host does not know"));
  CHECK(refusal([](kvern_cache *cache, int32_t layer, kvern_view *view, kvern_error *error) {
          const kvern_status status = toy::view(cache, layer, view, error);
          view->key_pos = view->first_pos;
          view->row_stride = -4;
          return status;
        }) == defect("view of layer 0 says that there are 5 keys, with a negative stride of key_pos"));
}

TEST_CASE("A view that says something else than before in the same step is noticed") {
  OpenStep open;
  open.cache.view(0);
  toy::ops.view = [](kvern_cache *cache, int32_t layer, kvern_view *view, kvern_error *error) {
    const kvern_status status = toy::view(cache, layer, view, error);
    view->kv_len += 1;
    return status;
  };
  CHECK(message_of([&] { open.cache.view(0); }) ==
        defect("view of layer 0 says that there are 6 keys, earlier in this step it said 5"));
}

TEST_CASE("Keys and values of a wrong shape, type, device, stride or address are noticed") {
  const std::string expected = "expected [1, 2, 5, 4] float32 on the CPU, last stride 1: ";
  CHECK(refusal_of([](kvern_cache *c, int32_t l, const DLTensor *k, const DLTensor *v, DLTensor *out_k,
                      DLTensor *out_v, kvern_error *e) {
          const kvern_status status = toy::update(c, l, k, v, out_k, out_v, e);
          out_v->shape[3] = 5;
          return status;
        }) == defect("update of layer 0 handed out values [1, 2, 5, 5] float32, " + expected +
                     "the shape is wrong"));
  CHECK(refusal_of([](kvern_cache *c, int32_t l, const DLTensor *k, const DLTensor *v, DLTensor *out_k,
                      DLTensor *out_v, kvern_error *e) {
          const kvern_status status = toy::update(c, l, k, v, out_k, out_v, e);
          out_k->dtype = {kDLBfloat, 16, 1};
          return status;
        }) == defect("update of layer 0 handed out keys [1, 2, 5, 4] bfloat16, " + expected +
                     "the dtype is wrong"));
  CHECK(refusal_of([](kvern_cache *c, int32_t l, const DLTensor *k, const DLTensor *v, DLTensor *out_k,
                      DLTensor *out_v, kvern_error *e) {
          const kvern_status status = toy::update(c, l, k, v, out_k, out_v, e);
          out_k->device.device_type = kDLCUDA;
          return status;
        }) == defect("update of layer 0 handed out keys [1, 2, 5, 4] float32, " + expected +
                     "the device is wrong"));
  CHECK(refusal_of([](kvern_cache *c, int32_t l, const DLTensor *k, const DLTensor *v, DLTensor *out_k,
                      DLTensor *out_v, kvern_error *e) {
          const kvern_status status = toy::update(c, l, k, v, out_k, out_v, e);
          out_k->strides[3] = 2;
          return status;
        }) == defect("update of layer 0 handed out keys [1, 2, 5, 4] float32, " + expected +
                     "the last stride is not 1"));
  CHECK(refusal_of([](kvern_cache *c, int32_t l, const DLTensor *k, const DLTensor *v, DLTensor *out_k,
                      DLTensor *out_v, kvern_error *e) {
          const kvern_status status = toy::update(c, l, k, v, out_k, out_v, e);
          out_v->data = nullptr;
          return status;
        }) ==
        defect("update of layer 0 handed out values [1, 2, 5, 4] float32, " + expected + "the data is NULL"));
}

TEST_CASE("An update that says OK and returns nothing is noticed") {
  CHECK(
      refusal_of([](kvern_cache *, int32_t, const DLTensor *, const DLTensor *, DLTensor *, DLTensor *,
                    kvern_error *) { return kvern_status{KVERN_OK}; }) ==
      defect("update of layer 0 handed out keys of no shape, expected [1, 2, 5, 4] float32 on the CPU, last "
             "stride 1: "
             "the shape is wrong"));
}

TEST_CASE("Without a view the keys and values must at least agree with each other") {
  OpenStep open;
  toy::ops.update = [](kvern_cache *c, int32_t l, const DLTensor *k, const DLTensor *v, DLTensor *out_k,
                       DLTensor *out_v, kvern_error *e) {
    const kvern_status status = toy::update(c, l, k, v, out_k, out_v, e);
    out_v->shape[2] -= 1;
    return status;
  };
  CHECK_THAT(message_of([&] { open.update(); }),
             Catch::Matchers::Contains("handed out values [1, 2, 4, 4] float32"));
}

TEST_CASE("Keys without values, or a way out for only one of them, is refused") {
  OpenStep open;
  CHECK(status_of([&] { open.cache.update(0, open.k.get(), nullptr, nullptr, nullptr); }) ==
        KVERN_INVALID_ARGUMENT);
  CHECK(status_of([&] { open.cache.update(0, nullptr, nullptr, &open.out_k, nullptr); }) ==
        KVERN_INVALID_ARGUMENT);
  CHECK(message_of([&] { open.cache.view(1); }) == "cache 'toy': view of layer 1: there is no such layer");
}

TEST_CASE("attend is false where it is not offered or not supported, and throws on any other failure") {
  OpenStep open;
  kvern_attend request{};
  request.struct_size = sizeof request;
  CHECK_FALSE(open.cache.attend(request));
  toy::ops.attend = [](kvern_cache *, const kvern_attend *, kvern_error *e) {
    return failing(e, KVERN_UNSUPPORTED);
  };
  CHECK_FALSE(open.cache.attend(request));
  toy::ops.attend = [](kvern_cache *, const kvern_attend *, kvern_error *) { return kvern_status{KVERN_OK}; };
  CHECK(open.cache.attend(request));
  toy::ops.attend = [](kvern_cache *, const kvern_attend *, kvern_error *e) {
    return failing(e, KVERN_BAD_DATA);
  };
  CHECK(message_of([&] { open.cache.attend(request); }) == "cache 'toy': the toy broke");
  CHECK(status_of([&] { open.cache.attend(request); }) == KVERN_WRONG_STATE);
}

namespace {

float state_memory[64];
int64_t state_shape[] = {1, 3, 5}, state_by_token[] = {1, 2, 3, 5};
float *state_to_write;

kvern_status hand_out_state(kvern_cache *, int32_t, int32_t, DLTensor *read, DLTensor *write, kvern_error *) {
  *read = {state_memory, {kDLCPU, 0}, 3, {kDLFloat, 32, 1}, state_shape, nullptr, 0};
  *write = *read;
  write->data = state_to_write;
  return KVERN_OK;
}

kvern_status hand_out_by_token(kvern_cache *c, int32_t l, int32_t s, DLTensor *r, DLTensor *w,
                               kvern_error *e) {
  const kvern_status status = hand_out_state(c, l, s, r, w, e);
  w->ndim = 4;
  w->shape = state_by_token;
  return status;
}

Cache recurrent(const Toy &toy) {
  toy::ops.state = hand_out_state;
  state_to_write = state_memory + 15;
  CacheSpec spec;
  spec.layers = {LayerSpec{}};
  spec.layers[0].kind = KVERN_LAYER_STATE;
  spec.layers[0].states = {{Dtype::f32, {3, 5}}};
  return Cache::create(toy.host, toy::plugin, spec);
}

}  // namespace

TEST_CASE("A recurrent state comes in two places, and by token in a tentative step") {
  const Toy toy;
  Cache cache = recurrent(toy);
  DLTensor read, write;
  cache.begin(StepOf(1, 0, 2).get());
  cache.state(0, 0, &read, &write);
  CHECK(read.data != write.data);
  CHECK(status_of([&] { cache.state(0, 1, &read, &write); }) == KVERN_INVALID_ARGUMENT);
  CHECK(status_of([&] { cache.view(0); }) == KVERN_INVALID_ARGUMENT);
  cache.end(2);
  toy::ops.state = hand_out_by_token;
  cache.begin(StepOf(1, 2, 2, KVERN_STEP_TENTATIVE).get());
  cache.state(0, 0, &read, &write);
  CHECK(write.shape[1] == 2);
}

TEST_CASE("A recurrent state of a wrong shape, or in one place, is noticed") {
  const Toy toy;
  DLTensor read, write;
  Cache by_token = recurrent(toy);
  by_token.begin(StepOf(1, 0, 2, KVERN_STEP_TENTATIVE).get());
  CHECK(message_of([&] { by_token.state(0, 0, &read, &write); }) ==
        defect("state of layer 0 handed out a state to write [1, 3, 5] float32, expected [1, 2, 3, 5] "
               "float32 on the "
               "CPU: the shape is wrong"));
  Cache in_place = recurrent(toy);
  state_to_write = state_memory;
  in_place.begin(StepOf(1, 0, 2).get());
  CHECK(message_of([&] { in_place.state(0, 0, &read, &write); }) ==
        defect("state of layer 0 handed out the same memory to read and to write"));
}

TEST_CASE("A layer whose values are in its keys returns keys alone") {
  const Toy toy;
  CacheSpec spec;
  spec.layers = {testing::attention_layer()};
  spec.layers[0].flags = KVERN_VALUES_IN_KEYS;
  toy::ops.update = [](kvern_cache *c, int32_t l, const DLTensor *k, const DLTensor *v, DLTensor *out_k,
                       DLTensor *, kvern_error *e) {
    DLTensor values;
    return v ? failing(e, KVERN_INVALID_ARGUMENT) : toy::update(c, l, k, nullptr, out_k, &values, e);
  };
  Cache cache = Cache::create(toy.host, toy::plugin, spec);
  testing::Tensor k(1, 2);
  DLTensor out;
  cache.begin(StepOf(1, 0, 2).get());
  cache.update(0, k.get(), nullptr, &out, nullptr);
  CHECK(out.shape[2] == 2);
  cache.end(2);
}
