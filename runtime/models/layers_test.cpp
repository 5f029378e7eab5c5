// What surrounds a sublayer, and what the model does around all of them.
#include "devices/forwarding_queue.hpp"
#include <cmath>
#include <cstring>
#include <limits>

#include "runtime/models/build_decoder.hpp"
#include "runtime/models/load.hpp"
#include "runtime/models/testing/forward_cases.hpp"
#include "runtime/models/testing/run.hpp"
#include "runtime/models/testing/tiny_model.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using namespace kvern::models;
using testing::reference_model;

namespace {

constexpr int64_t kDim = 2;
const std::vector<float> kOnes(kDim, 1.0f);

NormLayer unit_norm() {
  NormLayer norm;
  norm.eps = 0.0f;
  norm.weight = {kOnes.data(), kernels::Dtype::f32, {kDim}, nullptr};
  return norm;
}

/// Twice its input.
class Twice : public ResidualSublayer {
 public:
  using ResidualSublayer::ResidualSublayer;
  const char *name() const override { return "twice"; }

 protected:
  void compute(Activations &x, Step &, const MatrixView &out, Into into) const override {
    for (int64_t i = 0; i < out.rows * kDim; ++i)
      out.data[i] = 2.0f * x.normed.data[i] + (into == Into::add ? out.data[i] : 0.0f);
  }
};

/// The residual stream [3, 4] after the sublayers.
std::vector<float> after(const std::vector<Residual> &around) {
  const auto model = load_model(reference_model("llama"));
  testing::SmallCache cache(*model);
  StepRequest request;
  request.row_pos = {0};
  request.n_new = 1;
  Step step(cache.get(), request);
  std::vector<float> residual = {3.0f, 4.0f}, normed(kDim);
  Scratch scratch(cpu_queue());
  std::vector<float> block = {3.0f, 4.0f};
  Activations x{{residual.data(), 1, kDim},
                {normed.data(), 1, kDim},
                {block.data(), 1, kDim},
                1,
                1,
                0,
                nullptr,
                scratch};
  for (const Residual &r : around) Twice(r).add_to(x, step);
  return residual;
}

const float kRms = std::sqrt(12.5f);  // of 3 and 4

/// A device of its own memory, as far as the queue says.
class OtherDevice : public ForwardingQueue {
 public:
  OtherDevice() : ForwardingQueue(cpu_queue()) {}
  DLDevice place() const override { return {kDLCUDA, 0}; }
  void upload(const void *from, void *to, std::size_t bytes) override {
    ForwardingQueue::upload(from, to, bytes);
    uploaded += bytes;
  }
  std::size_t uploaded = 0;
};

std::string located(const testing::TinyModel &model) {
  const test::TemporaryFolder folder;
  model.write(folder.path());
  const auto loaded = load_model(folder.path());
  testing::SmallCache cache(*loaded);
  StepRequest request;
  request.row_pos = {0};
  request.n_new = request.total_length = 3;
  Input input;
  input.ids = testing::id_tensor({{5, 6, 7}});
  input.locate_non_finite = true;
  return test::error_text(ErrorKind::model, [&] { forward_and_keep(*loaded, cache.get(), request, input); });
}

}  // namespace

TEST_CASE("A sublayer reads the norm of the residual stream and adds to it") {
  const std::vector<float> got = after({{SublayerInput::norm, unit_norm(), {}, 1.0f}});
  CHECK(got[0] == Approx(3.0f + 2.0f * 3.0f / kRms));
  CHECK(got[1] == Approx(4.0f + 2.0f * 4.0f / kRms));
}

TEST_CASE("A sublayer without a norm before it reads the residual stream itself") {
  CHECK(after({{SublayerInput::residual, {}, {}, 1.0f}}) == std::vector<float>{9.0f, 12.0f});
}

TEST_CASE("A parallel sublayer reads what the one before it has read") {
  const Residual first{SublayerInput::norm, unit_norm(), {}, 1.0f},
      second{SublayerInput::shared_norm, {}, {}, 1.0f};
  CHECK(after({first, second})[0] == Approx(3.0f + 4.0f * 3.0f / kRms));
}

TEST_CASE("A parallel sublayer with a norm of its own reads the residual stream where the block began") {
  const Residual first{SublayerInput::residual, {}, {}, 1.0f},
      second{SublayerInput::block_norm, unit_norm(), {}, 1.0f};
  CHECK(after({first, second})[0] == Approx(9.0f + 2.0f * 3.0f / kRms));
}

TEST_CASE("A norm after a sublayer and a multiplier apply to its output only") {
  CHECK(after({{SublayerInput::residual, {}, unit_norm(), 1.0f}})[0] == Approx(3.0f + 3.0f / kRms));
  CHECK(after({{SublayerInput::residual, {}, {}, 0.5f}}) == std::vector<float>{6.0f, 8.0f});
  CHECK(after({{SublayerInput::residual, {}, unit_norm(), 0.5f}})[0] == Approx(3.0f + 0.5f * 3.0f / kRms));
}

TEST_CASE("A norm adds its offset to the weights") {
  NormLayer norm = unit_norm();
  norm.offset = 1.0f;
  float x[] = {3.0f, 4.0f};
  norm({x, 1, kDim}, {x, 1, kDim}, cpu_queue());
  CHECK(x[1] == Approx(2.0f * 4.0f / kRms));
}

TEST_CASE("The first sublayer whose output is not finite is named") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  testing::TinyModel attention(reference_model("llama")), mlp(reference_model("llama")),
      embedding(reference_model("llama"));
  attention.fill("model.layers.1.self_attn.o_proj.weight", nan);
  CHECK(located(attention).find("layer 1, attention: computed NaN") == 0);
  mlp.fill("model.layers.2.mlp.down_proj.weight", std::numeric_limits<float>::infinity());
  CHECK(located(mlp).find("layer 2, MLP: computed ") == 0);
  embedding.fill("model.embed_tokens.weight", nan);
  CHECK(located(embedding).find("the embedding: computed NaN") == 0);
  testing::TinyModel head(reference_model("llama"));
  head.fill("lm_head.weight", nan);
  CHECK(located(head).find("the logits: computed NaN") == 0);
}

TEST_CASE("Weights are uploaded to a device that is not the host, and stay mapped on the host") {
  const files::Weights weights = files::Weights::open(reference_model("llama"));
  OtherDevice device;
  WeightReader there(weights, std::nullopt, device), here(weights, std::nullopt);
  const std::vector<Axis> axes = {{"hidden_size", 64}};
  const Weight on_device = there.read("model.norm.weight", axes),
               mapped = here.read("model.norm.weight", axes);
  CHECK(device.uploaded == 64 * sizeof(float));
  CHECK(on_device.data != mapped.data);
  CHECK(std::memcmp(on_device.data, mapped.data, device.uploaded) == 0);
  CHECK(mapped.data == weights.tensor("model.norm.weight").data);
}
