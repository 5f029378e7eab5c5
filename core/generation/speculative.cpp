#include "core/generation/speculative.hpp"

#include <algorithm>
#include <limits>
#include <random>

#include "core/torch/torch.hpp"
#include "kernels/elementwise.hpp"

namespace kvern {
namespace {

/// Chooses the model's tokens for one step, position by position.
class Chooser {
 public:
  virtual ~Chooser() = default;
  /// What the model chooses at candidate i (or behind the last one), of `scores` float32 [1, V].
  virtual int64_t choose(int64_t i, const at::Tensor &scores) = 0;
};

class Likeliest : public Chooser {
 public:
  int64_t choose(int64_t, const at::Tensor &scores) override {
    return kernels::argmax(scores.contiguous().const_data_ptr<float>(), scores.numel());
  }
};

/// Draws at every position, with the noise that one draw for all positions takes.
class Drawn : public Chooser {
 public:
  Drawn(int64_t positions, int64_t vocab_size, const at::Generator &generator)
      : noise_(at::empty({positions, vocab_size}).exponential_(1, generator)) {}
  int64_t choose(int64_t i, const at::Tensor &scores) override {
    return (scores.softmax(-1)[0] / noise_[i]).argmax().item<int64_t>();
  }

 private:
  at::Tensor noise_;
};

/// Speculative sampling: a candidate is kept by the ratio of the model's probability to the draft's; where it is not, the token
/// is drawn from what the model has more of.
class SpeculativeSampling : public Chooser {
 public:
  SpeculativeSampling(const TokenCandidates &candidates, const at::Generator &generator)
      : candidates_(candidates),
        draft_(candidates.scores.softmax(-1)),
        generator_(generator),
        limits_(at::rand({static_cast<int64_t>(candidates.ids.size())}, generator)) {}

  int64_t choose(int64_t i, const at::Tensor &scores) override {
    const auto of_model = scores.softmax(-1);
    if (i == static_cast<int64_t>(candidates_.ids.size())) return draw(of_model);
    const int64_t id = candidates_.ids[static_cast<size_t>(i)];
    const auto ratio = (of_model[0][id] / draft_[i][id]).item<float>();
    if (limits_[i].item<float>() <= ratio) return id;
    const auto rest = (of_model - draft_[i]).clamp_min(0);
    return draw(rest / rest.sum());
  }

 private:
  int64_t draw(const at::Tensor &probabilities) const {
    return at::multinomial(probabilities, 1, false, generator_).item<int64_t>();
  }

  const TokenCandidates &candidates_;
  at::Tensor draft_;
  at::Generator generator_;
  at::Tensor limits_;
};

class Speculative {
 public:
  Speculative(GenerationLoop &loop, CandidateSource &source) : loop_(loop), source_(source) {
    if (!samples(loop.config())) return;
    const uint64_t seed = loop.config().seed ? *loop.config().seed : std::random_device{}();
    loop.set_seed(seed);
    generator_ = at::detail::createCPUGenerator(seed);
  }

  void run() {
    const int64_t limit =
        std::min(length_limit(loop_.config(), loop_.sequences().length()), position_limit());
    do {
      const auto &ids = loop_.sequences().ids().front();
      // the model adds a token of its own behind the candidates
      const int64_t most = limit - static_cast<int64_t>(ids.size()) - 1;
      const at::Generator *generator = generator_ ? &*generator_ : nullptr;
      step(most > 0 ? source_.next(ids, most, generator) : TokenCandidates());
    } while (!loop_.should_stop());
  }

 private:
  /// The largest length that the model and the cache allow: the last token is not fed.
  int64_t position_limit() {
    const int64_t limit = loop_.driver().limit();
    return limit < 0 ? std::numeric_limits<int64_t>::max() : limit + loop_.padding().front() + 1;
  }

  std::unique_ptr<Chooser> chooser(const TokenCandidates &candidates, int64_t vocab_size) const {
    if (!generator_) return std::make_unique<Likeliest>();
    if (candidates.scores.defined()) return std::make_unique<SpeculativeSampling>(candidates, *generator_);
    return std::make_unique<Drawn>(static_cast<int64_t>(candidates.ids.size()) + 1, vocab_size, *generator_);
  }

  void step(const TokenCandidates &candidates) {
    const auto n = static_cast<int64_t>(candidates.ids.size());
    TokenRows rows = loop_.sequences().ids();
    rows.front().insert(rows.front().end(), candidates.ids.begin(), candidates.ids.end());
    const bool decodes = loop_.prefilled();
    const at::Tensor logits = loop_.propose(rows, n + 1);
    const auto choose = chooser(candidates, logits.size(-1));
    int64_t chosen = 0;
    for (bool goes_on = true; goes_on && chosen <= n; ++chosen) {
      const int64_t id = choose->choose(chosen, loop_.process(logits.select(1, chosen)));
      loop_.append(at::tensor({id}, at::kLong));
      goes_on = chosen < n && id == candidates.ids[static_cast<size_t>(chosen)] && !loop_.should_stop();
    }
    // the last token that was chosen is not fed yet, the one before the candidates is
    loop_.accept(chosen, n + 1);
    const auto &ids = loop_.sequences().ids().front();
    const bool last_too = chosen <= n && ids.back() == candidates.ids[static_cast<size_t>(chosen - 1)];
    const int64_t matches = chosen - 1 + static_cast<int64_t>(last_too);
    if (decodes) loop_.result().timings.decode_tokens += chosen;
    loop_.result().candidate_tokens += n;
    loop_.result().accepted_tokens += matches;
    source_.update(ids, n, matches);
  }

  GenerationLoop &loop_;
  CandidateSource &source_;
  std::optional<at::Generator> generator_;
};

}  // namespace

void run_speculative(GenerationLoop &loop, CandidateSource &source) {
  if (loop.sequences().ids().size() != 1)
    throw Error(ErrorKind::input, "assisted decoding and prompt lookup continue one prompt, there are " +
                                      std::to_string(loop.sequences().ids().size()));
  Speculative(loop, source).run();
}

void check_speculative(const GenerationConfig &config, const std::string &what) {
  const auto refuse = [&](const OptionDeclaration &option, const std::string &found,
                          const std::string &required) {
    throw Error(ErrorKind::config, std::string(option.name) + " = " + found + ": " + what + " " + required);
  };
  const int64_t beams = config.get(option::num_beams), copies = config.get(option::num_return_sequences);
  if (beams > 1)
    refuse(option::num_beams, std::to_string(beams), "is for greedy decoding and sampling, not for beams");
  if (config.get(option::guidance_scale).value_or(1) != 1)
    throw Error(ErrorKind::config, "guidance_scale: " + what + " cannot be used with it");
  if (config.get(option::penalty_alpha).value_or(0) > 0)
    throw Error(ErrorKind::config, "penalty_alpha: " + what +
                                       " is for greedy decoding and sampling, not for contrastive search");
  if (copies > 1) refuse(option::num_return_sequences, std::to_string(copies), "continues one sequence");
}

}  // namespace kvern
