// Models with an encoder whose weights are packed on load: the head of 8 bits is the table of both stacks, too.
#include "core/torch/torch.hpp"
#include "runtime/models/load.hpp"

#include "core/generation/driver.hpp"
#include "runtime/run/open_cache.hpp"
#include "tests/support/process.hpp"
#include "tests/support/relative_error.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

struct Said {
  at::Tensor hidden, logits;
};

Said say(const std::string &name, const LoadOptions &options) {
  c10::InferenceMode no_gradients;
  const auto model = load_model(test::source_path("tests/reference/encoders/models/" + name), options);
  EncoderInput input;
  input.ids = at::tensor(std::vector<int64_t>{5, 17, 130, 42, 99, 30}, at::kLong).unsqueeze(0);
  const Encoded encoded = model->encode(input);
  CacheRequest request;
  request.max_rows = 1, request.max_tokens = 8, request.max_cross = 6;
  Cache cache = open_cache(*model, request);
  Driver::Options feeding;
  feeding.encoded = encoded;
  const Output output = Driver(*model, cache, feeding).feed({{2, 7, 12, 50}}, {0}, {4, false});
  return {encoded.hidden.clone(), output.logits.clone()};
}

}  // namespace

TEST_CASE(
    "T5 and BART look ids up in their packed head, and say nearly what they say with the table as it is "
    "stored") {
  for (const char *name : {"t5", "bart"}) {
    INFO(name);
    models::ReadRecord record;
    LoadOptions packed;
    packed.packing.bits = 8;
    LoadOptions beside = packed;
    beside.packing.embedding_bits = 16;
    packed.record = &record;
    const Said want = say(name, {}), with_table = say(name, beside), got = say(name, packed);
    CHECK_FALSE(at::equal(got.hidden, with_table.hidden));
    CHECK(test::relative_error(got.hidden, want.hidden) <
          2.0 * test::relative_error(with_table.hidden, want.hidden));
    CHECK(test::relative_error(got.logits, want.logits) <
          2.0 * test::relative_error(with_table.logits, want.logits));
    for (const auto &[tensor, weight] : record.plain) CHECK(tensor.find("shared") == std::string::npos);
  }
}
