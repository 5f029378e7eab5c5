#include "runtime/run/token_scores.hpp"

#include <algorithm>
#include <kvern/error.hpp>

#include "core/torch/torch.hpp"

namespace kvern {
namespace {

void append(std::vector<double> &to, const at::Tensor &numbers) {
  const auto plain = numbers.to(at::kDouble).contiguous();
  const double *data = plain.data_ptr<double>();
  to.insert(to.end(), data, data + plain.numel());
}

}  // namespace

Distributions::Distributions(const at::Tensor &logits, const std::string &cache)
    : logits_(logits), log_p_(at::log_softmax(logits, -1, at::kDouble)), argmax_(at::argmax(logits, -1)) {
  if (!at::isfinite(log_p_).all().item<bool>())
    throw Error(ErrorKind::plugin,
                "with the cache '" + cache + "' the model's logits are not all finite numbers");
}

void Distributions::score(const at::Tensor &targets, const Distributions &reference, TokenScores &to) const {
  append(to.loss, -log_p_.gather(1, targets.unsqueeze(1)).squeeze(1));
  const auto kl = (reference.log_p_.exp() * (reference.log_p_ - log_p_)).sum(-1);
  append(to.kl, kl.clamp_min(0));  // below 0 only by rounding
  append(to.same, argmax_.eq(reference.argmax_));
  append(to.difference, (logits_ - reference.logits_).abs().amax(-1));
}

}  // namespace kvern
