// The table of token embeddings beside packed weights: the packed head, packed on its own, or as it is stored.
#include "core/torch/torch.hpp"
#include "runtime/models/embedding_table.hpp"

#include "runtime/models/load.hpp"
#include "runtime/models/quantize_folder.hpp"
#include "runtime/models/testing/forward_cases.hpp"
#include "runtime/models/testing/run.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/relative_error.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using testing::reference_model;

namespace {

const testing::Ids kIds = {{5, 17, 130, 42, 99, 30, 7, 12, 50, 81}};
const std::string kTied = "transformer.wte.weight", kOwn = "model.embed_tokens.weight";

LoadOptions packed_to(int bits, int head_bits, int embedding_bits) {
  LoadOptions options;
  options.packing.bits = bits;
  options.packing.head_bits = head_bits;
  options.packing.embedding_bits = embedding_bits;
  return options;
}

/// How a folder holds a tensor.
struct Held {
  bool plain, packed;
  bool operator==(const Held &) const = default;
};

/// Quantizes the model to a folder, which says what the model says that is packed on load, and looks for the tensor in it.
Held quantized(const std::string &model, const LoadOptions &options, const std::string &tensor) {
  const test::TemporaryFolder folder;
  quantize_folder(reference_model(model), folder / "q", options.packing);
  const auto mapped = load_model(folder / "q"), on_load = load_model(reference_model(model), options);
  CHECK(at::equal(testing::all_logits(*mapped, kIds), testing::all_logits(*on_load, kIds)));
  CHECK(mapped->info().parameters == load_model(reference_model(model))->info().parameters);
  CHECK(mapped->info().dtype == on_load->info().dtype);
  CHECK(mapped->info().weight_bytes == on_load->info().weight_bytes);
  const files::Weights weights = files::Weights::open(folder / "q");
  return {weights.contains(tensor), weights.contains(tensor + ".codes")};
}

}  // namespace

TEST_CASE("A tied head of 8 bits is the table of token embeddings, too, and a folder holds it once") {
  CHECK(quantized("gpt2", packed_to(8, 0, 0), kTied) == Held{false, true});
  CHECK(quantized("gpt2", packed_to(4, 0, 0), kTied) == Held{false, true});
  CHECK(quantized("gpt2", packed_to(0, 8, 0), kTied) == Held{false, true});
  CHECK(quantized("gpt2", packed_to(4, 4, 4), kTied) == Held{false, true});
}

TEST_CASE(
    "The table stays as it is stored beside a tied head of 4 bits, a head that is not packed, or on "
    "request") {
  CHECK(quantized("gpt2", packed_to(4, 4, 0), kTied) == Held{true, true});
  CHECK(quantized("gpt2", packed_to(4, 16, 0), kTied) == Held{true, false});
  CHECK(quantized("gpt2", packed_to(8, 8, 16), kTied) == Held{true, true});
  CHECK(quantized("llama", packed_to(8, 0, 0), kOwn) == Held{true, false});
}

TEST_CASE("A table that is not the head's is packed on request") {
  for (const int bits : {8, 4}) CHECK(quantized("llama", packed_to(0, 0, bits), kOwn) == Held{false, true});
  const at::Tensor want = testing::all_logits(*load_model(reference_model("llama")), kIds);
  const auto with_table = [&](int bits) {
    return test::relative_error(
        testing::all_logits(*load_model(reference_model("llama"), packed_to(0, 0, bits)), kIds), want);
  };
  CHECK(with_table(16) == 0.0);
  CHECK(with_table(8) > 0.0);
  CHECK(with_table(8) < 0.05);
  CHECK(with_table(4) > with_table(8));
}

TEST_CASE("A tied table of other bits than the head is refused with what would be right") {
  for (const int head : {8, 16}) {
    const std::string text = test::error_text(
        ErrorKind::model, [&] { load_model(reference_model("gpt2"), packed_to(8, head, 4)); });
    CHECK_THAT(text, Catch::Contains(kTied) &&
                         Catch::Contains("weights.embedding_bits = 4 asks for weights.head_bits = 4") &&
                         Catch::Contains("weights.embedding_bits = 16"));
  }
}
