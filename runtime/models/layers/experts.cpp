#include "runtime/models/layers/experts.hpp"

#include <algorithm>

namespace kvern::models {
namespace {

/// The rows' choices, in memory of a queue.
struct Choices {
  const int32_t *ids = nullptr;
  const float *weights = nullptr;
};

Choices choose(const kernels::Routing &routing, const Matrix &router, const Weight &bias, const MatrixView &x,
               Scratch &scratch, Queue &queue) {
  const MatrixView logits = scratch.take(x.rows, routing.experts),
                   weights = scratch.take(x.rows, routing.top_k), ids = scratch.take(x.rows, routing.top_k);
  project(router, x, logits, Into::replace, queue);
  kernels::RouteCall call;
  call.routing = routing;
  call.rows = x.rows;
  call.logits = logits.data;
  call.logits_stride = logits.stride;
  call.bias = bias.data;
  call.bias_type = bias.dtype;
  call.ids = reinterpret_cast<int32_t *>(ids.data);
  call.weights = weights.data;
  queue.route(call);
  return {call.ids, call.weights};
}

void run(const ExpertTable &table, int64_t top_k, const Choices &choices, const Activations &x,
         const MatrixView &out, Into into, Queue &queue) {
  kernels::ExpertsCall call;
  call.rows = x.normed.rows;
  call.dim = x.residual.stride;
  call.width = table.width;
  call.experts = static_cast<int64_t>(table.experts.size());
  call.top_k = top_k;
  call.expert = table.experts.data();
  call.type = table.type;
  call.layout = table.layout;
  call.activation = table.activation;
  call.x = x.normed.data;
  call.x_stride = x.normed.stride;
  call.ids = choices.ids;
  call.weights = choices.weights;
  call.out = out.data;
  call.out_stride = out.stride;
  call.accumulate = into == Into::add;
  call.workspace = x.scratch.take(1, kernels::experts_workspace(call)).data;
  queue.experts(call);
}

/// One expert, whose weight is the sigmoid of its gate.
kernels::Routing gate_routing() {
  kernels::Routing routing;
  routing.experts = routing.top_k = 1;
  routing.score = kernels::RouterScore::sigmoid;
  return routing;
}

}  // namespace

Experts::Experts(Residual residual, ExpertsWeights weights)
    : ResidualSublayer(std::move(residual)), weights_(std::move(weights)) {}

std::string Experts::describe() const {
  const kernels::Routing &r = weights_.routing;
  return "experts: " + std::to_string(r.top_k) + " of " + std::to_string(r.experts) +
         (weights_.shared.experts.empty() ? "" : " and a shared one");
}

void Experts::add_shared(Activations &x, const MatrixView &out, Queue &queue) const {
  Choices all;
  if (weights_.shared_gate.weight)
    all = choose(gate_routing(), weights_.shared_gate, {}, x.normed, x.scratch, queue);
  run(weights_.shared, 1, all, x, out, Into::add, queue);
}

void Experts::compute(Activations &x, Step &step, const MatrixView &out, Into into) const {
  Queue &queue = step.queue();
  const Choices choices =
      choose(weights_.routing, weights_.router, weights_.correction_bias, x.normed, x.scratch, queue);
  run(weights_.routed, weights_.routing.top_k, choices, x, out, into, queue);
  if (!weights_.shared.experts.empty()) add_shared(x, out, queue);
}

}  // namespace kvern::models
