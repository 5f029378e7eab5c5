// Generation behind an encoder: whichever cache holds the encoder's keys, and however rows are fed, reordered or taken back, the
// logits are those of everything fed at once.
#include <kvern/abi/attention.h>
#include <kvern/abi/compose.h>
#include <kvern/plugin_registry.hpp>

#include "core/attention/attention_extension.hpp"
#include "core/generation/testing_model.hpp"
#include "core/generation/driver.hpp"
#include "core/generation/loop.hpp"
#include "core/torch/torch.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using kvern::test::error_text;

namespace {

using Ids = std::vector<int64_t>;

/// Self-attention and cross-attention over numbers made from ids.
class ToyEncoderDecoder : public Model {
 public:
  static constexpr int64_t kVocab = 19, kDim = 16;

  ToyEncoderDecoder() {
    info_.model_type = "toy";
    info_.vocab_size = kVocab;
    info_.encoder = EncoderKind::text;
    LayerSpec layer;
    layer.q_heads = layer.kv_heads = 1;
    layer.head_dim_k = layer.head_dim_v = kDim;
    layers_.push_back(layer);
    layer.kind = KVERN_LAYER_CROSS;
    layers_.push_back(layer);
    table_ = at::empty({3, kVocab, kDim});
    auto *x = table_.data_ptr<float>();
    for (int64_t i = 0; i < table_.numel(); ++i) x[i] = std::sin(2.3f * static_cast<float>(i * i % 997));
  }

  const ModelInfo &info() const override { return info_; }
  const std::vector<LayerSpec> &layers() const override { return layers_; }
  void offer_extensions(Host &) const override {}

  Encoded encode(const EncoderInput &input) const override {
    ++encoded;
    return {look_up(2, input.ids).squeeze(1), input.row_len};
  }

  Output forward(Step &step, const Input &input) const override {
    const auto q = look_up(0, input.ids), k = look_up(1, input.ids), v = look_up(2, input.ids);
    const auto self = at::empty_like(q), cross = at::empty_like(q);
    AttentionSpec spec;
    step.attend(0, heads_view(q), heads_view(k), heads_view(v), spec, heads_view(self));
    spec.causal = false;
    HeadsView keys{}, values{};
    at::Tensor hidden, more;
    if (input.encoded) {
      hidden = input.encoded->hidden.unsqueeze(1).contiguous();
      more = (hidden * 0.5).contiguous();
      keys = heads_view(hidden);
      values = heads_view(more);
    }
    const auto queries = (q + self).contiguous();
    step.attend(1, heads_view(queries), keys, values, spec, heads_view(cross));
    const auto sum = (queries + cross).squeeze(1);
    if (input.logits == Input::Logits::none) return {{}, sum};
    const auto of = input.logits == Input::Logits::last ? sum.slice(1, -1) : sum;
    return {of.matmul(table_[1].t()), sum};
  }

  mutable int encoded = 0;

 private:
  at::Tensor look_up(int64_t which, const at::Tensor &ids) const {
    return table_[which].index_select(0, ids.flatten()).view({ids.size(0), 1, ids.size(1), kDim});
  }

  ModelInfo info_;
  std::vector<LayerSpec> layers_;
  at::Tensor table_;
};

Option text(const char *value) { return {std::string(value), ""}; }

/// encoder_decoder of these halves.
Cache open(const Model &model, const char *self, const char *cross) {
  const PluginPath path{test::program("../lib/kvern/plugins")};
  CacheSpec spec;
  spec.layers = model.layers();
  spec.max_tokens = 64;
  spec.max_cross = 32;
  spec.options = {{"self_attention", text(self)}, {"cross_attention", text(cross)}};
  const auto host = std::make_shared<Host>();
  host->offer(KVERN_ATTENTION_1, attention_extension());
  host->offer(KVERN_COMPOSE_1, compose_extension(path));
  return Cache::create(host, *find_plugin("encoder_decoder", path).plugin, spec);
}

EncoderInput input_of(const std::vector<Ids> &rows, Ids row_len = {}) {
  EncoderInput input;
  input.ids =
      at::empty({static_cast<int64_t>(rows.size()), static_cast<int64_t>(rows.front().size())}, at::kLong);
  auto *out = input.ids.data_ptr<int64_t>();
  for (const auto &row : rows) out = std::copy(row.begin(), row.end(), out);
  input.row_len = std::move(row_len);
  return input;
}

const std::vector<Ids> kSources = {{3, 1, 4, 1, 5}, {2, 7, 1, 0, 0}};
const Ids kLengths = {5, 3};

const std::vector<std::pair<const char *, const char *>> kHalves = {
    {"dynamic", "dynamic"}, {"static", "static"}, {"none", "dynamic"}, {"dynamic", "none"}, {"none", "none"}};

/// Logits of the last n tokens of a row, behind its own encoder input, fed alone and at once.
at::Tensor alone(const Ids &row, size_t source, int64_t n) {
  const ToyEncoderDecoder model;
  auto cache = open(model, "dynamic", "dynamic");
  const Ids &all = kSources[source];
  const Encoded encoded = model.encode(input_of({{all.begin(), all.begin() + kLengths[source]}}));
  return Driver(model, cache, {true, 0, {}, encoded}).feed({row}, {0}, {n, false}).logits;
}

bool close(const at::Tensor &a, const at::Tensor &b) {
  return a.sizes() == b.sizes() && (a - b).abs().max().item<double>() < 1e-4;
}

const Ids kFirst = {1, 6, 2, 9, 8, 4}, kSecond = {1, 5, 5, 3, 7, 11};

}  // namespace

TEST_CASE("Rows behind encoders of different lengths have the logits of each row alone, in chunks too") {
  for (const auto &[self, cross] : kHalves) {
    for (const int64_t chunk : {0, 2}) {
      INFO(self << " " << cross << " " << chunk);
      const ToyEncoderDecoder model;
      auto cache = open(model, self, cross);
      Driver driver(model, cache, {true, chunk, {}, model.encode(input_of(kSources, kLengths))});
      const auto logits = driver.feed({kFirst, kSecond}, {0, 0}, {3, false}).logits;
      CHECK(close(logits, at::cat({alone(kFirst, 0, 3), alone(kSecond, 1, 3)})));
      auto more = kFirst, others = kSecond;
      more.push_back(2), others.push_back(12);
      CHECK(close(driver.feed({more, others}, {0, 0}).logits,
                  at::cat({alone(more, 0, 1), alone(others, 1, 1)})));
    }
  }
}

TEST_CASE("An encoder's keys go with their row when rows are reordered and repeated") {
  for (const auto &[self, cross] : kHalves) {
    INFO(self << " " << cross);
    const ToyEncoderDecoder model;
    auto cache = open(model, self, cross);
    Driver driver(model, cache, {true, 0, {}, model.encode(input_of(kSources, kLengths))});
    driver.feed({kFirst, kSecond}, {0, 0});
    driver.reorder({1, 0, 1});
    auto a = kSecond, b = kFirst;
    a.push_back(4), b.push_back(4);
    CHECK(close(driver.feed({a, b, a}, {0, 0, 0}).logits,
                at::cat({alone(a, 1, 1), alone(b, 0, 1), alone(a, 1, 1)})));
  }
}

TEST_CASE("Of tokens that are proposed a part is kept, also where they begin the sequence") {
  for (const auto &[self, cross] : kHalves) {
    for (const size_t fed : {size_t{0}, size_t{2}}) {
      INFO(self << " " << cross << " " << fed);
      const ToyEncoderDecoder model;
      auto cache = open(model, self, cross);
      Driver driver(model, cache, {true, 0, {}, model.encode(input_of({kSources[0]}))});
      if (fed > 0) driver.feed({{kFirst.begin(), kFirst.begin() + 2}}, {0});
      const auto n = static_cast<int64_t>(kFirst.size() - fed);
      CHECK(close(driver.propose({kFirst}, {0}, n).logits, alone(kFirst, 0, n)));
      driver.accept({2});
      Ids kept(kFirst.begin(), kFirst.begin() + static_cast<std::ptrdiff_t>(fed) + 2);
      kept.push_back(13);
      CHECK(close(driver.feed({kept}, {0}).logits, alone(kept, 0, 1)));
    }
  }
}

TEST_CASE("What is taken back to nothing begins with the encoder again") {
  const ToyEncoderDecoder model;
  auto cache = open(model, "dynamic", "dynamic");
  Driver driver(model, cache, {true, 0, {}, model.encode(input_of({kSources[0]}))});
  driver.feed({kFirst}, {0});
  driver.truncate({0});
  CHECK(close(driver.feed({kSecond}, {0}).logits, alone(kSecond, 0, 1)));
}

TEST_CASE("A prompt behind an encoder begins with decoder_start_token_id, else with bos_token_id") {
  const ToyEncoderDecoder model;
  const auto sequences = [&](const std::vector<Ids> &ids, GenerationConfig config) {
    auto cache = open(model, "dynamic", "dynamic");
    config.set(option::max_new_tokens, {int64_t{2}});
    return generate(model, cache, {ids, {}, input_of(kSources, kLengths)}, config).sequences;
  };
  GenerationConfig config;
  config.set(option::bos_token_id, {int64_t{6}});
  CHECK(sequences({}, config)[1][0] == 6);
  config.set(option::decoder_start_token_id, {int64_t{7}});
  CHECK(sequences({}, config)[1][0] == 7);
  CHECK(sequences({{}, {}}, config)[0].size() == 3);
  CHECK(sequences({{5}, {4}}, config)[1] == sequences({{7, 5}, {7, 4}}, config)[1]);
}

TEST_CASE("A model is given an encoder's input where it has an encoder, and only there") {
  const ToyEncoderDecoder model;
  const test::ToyModel decoder;
  auto cache = open(model, "dynamic", "dynamic");
  CHECK(error_text(ErrorKind::input, [&] {
          generate(model, cache, {{{1}}, {}}, {});
        }) == "the model 'toy' has an encoder, which needs an input: a text");
  CHECK(error_text(ErrorKind::input, [&] {
          generate(decoder, cache, {{{1}}, {}, input_of(kSources)}, {});
        }) == "the model 'toy' has no encoder: it takes a prompt and nothing beside it");
  GenerationConfig config;
  config.set(option::decoder_start_token_id, {int64_t{7}});
  CHECK(error_text(ErrorKind::input, [&] {
          generate(model, cache, {{{1}}, {}, input_of(kSources)}, config);
        }) == "the encoder is given 2 rows, the decoder 1");
}

TEST_CASE("Guidance is refused for a model with an encoder, which has no scores without its input") {
  const ToyEncoderDecoder model;
  auto cache = open(model, "dynamic", "dynamic");
  GenerationConfig config;
  config.set(option::max_new_tokens, {int64_t{2}});
  config.set(option::guidance_scale, {1.5});
  const Prompt prompt{{{5}, {4}}, {}, input_of(kSources, kLengths)};
  CHECK(error_text(ErrorKind::config, [&] { generate(model, cache, prompt, config); }) ==
        "guidance_scale: must be 1 (off) for 'toy', which has an encoder: it has no scores without the "
        "encoder's "
        "input");
  config.set(option::guidance_scale, {1.0});
  CHECK(generate(model, cache, prompt, config).sequences[0].size() == 3);
}
