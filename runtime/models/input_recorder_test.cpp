// What the matrices of a model multiply, noted while it reads, against LibTorch.
#include "core/torch/torch.hpp"
#include "runtime/models/input_recorder.hpp"

#include "runtime/models/load.hpp"
#include "runtime/models/testing/forward_cases.hpp"
#include "runtime/models/testing/run.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using testing::reference_model;

namespace {

const testing::Ids kIds = {{5, 17, 130, 42, 99, 30, 7, 12, 50, 81}};

struct Read {
  models::ReadRecord record;
  models::Importance importance;
  std::unique_ptr<Model> model;
};

Read read(const std::string &name) {
  Read result;
  models::InputRecorder recorder(cpu_queue());
  LoadOptions options;
  options.record = &result.record;
  options.queue = &recorder;
  const auto model = load_model(reference_model(name), options);
  recorder.watch(result.record.plain);
  const at::Tensor logits = testing::all_logits(*model, kIds);
  CHECK(at::equal(logits, testing::all_logits(*load_model(reference_model(name)), kIds)));
  result.importance = recorder.importance();
  return result;
}

at::Tensor tensor(const models::Weight &weight) {
  return at::from_blob(const_cast<void *>(weight.data), weight.shape, at::kFloat);
}

}  // namespace

TEST_CASE("The importance of a column is the root mean square of its input over that of all") {
  const Read found = read("llama");
  const at::Tensor x = tensor(found.record.plain.at("model.embed_tokens.weight"))
                           .index_select(0, at::tensor(kIds[0], at::kLong));
  const at::Tensor normed = x * (x.square().mean(-1, true) + 1e-5).rsqrt() *
                            tensor(found.record.plain.at("model.layers.0.input_layernorm.weight"));
  const at::Tensor squares = normed.square().mean(0), want = (squares / squares.mean()).sqrt();
  for (const char *name : {"q", "k", "v"}) {
    const auto &importance =
        found.importance.at(std::string("model.layers.0.self_attn.") + name + "_proj.weight");
    CHECK(at::allclose(at::tensor(importance), want, 1e-4, 1e-3));
  }
  CHECK(found.importance.at("lm_head.weight").size() == 64);
  CHECK(found.importance.at("model.layers.2.mlp.down_proj.weight").size() == 112);
  CHECK(found.importance.count("model.embed_tokens.weight") == 0);
}

TEST_CASE("Inputs of a tensor whose columns are outputs, and of experts, one by one and stacked, are noted") {
  const Read gpt2 = read("gpt2");
  CHECK(gpt2.importance.at("transformer.h.0.mlp.c_proj.weight").size() ==
        static_cast<size_t>(gpt2.record.plain.at("transformer.h.0.mlp.c_proj.weight").shape[0]));
  for (const char *name : {"qwen3_moe", "gpt_oss", "deepseek_v3"}) {
    const Read mixture = read(name);
    size_t down = 0, into = 0;
    for (const auto &[tensor, importance] : mixture.importance) {
      INFO(name << " " << tensor);
      if (tensor.find("experts") == std::string::npos) continue;
      const std::vector<int64_t> &shape = mixture.record.plain.at(tensor).shape;
      CHECK(std::find(shape.begin(), shape.end(), static_cast<int64_t>(importance.size())) != shape.end());
      tensor.find("down_proj") == std::string::npos ? ++into : ++down;
    }
    CHECK(down > 0);
    CHECK(into >= down);
  }
}
