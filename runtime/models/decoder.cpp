// The forward pass around the blocks: ids to rows, rows to logits.
#include "runtime/models/decoder.hpp"

#include <algorithm>
#include <kvern/error.hpp>

#include "core/torch/torch.hpp"
#include "runtime/models/decoder_build.hpp"

namespace kvern::models {
namespace {

void look_up(const Weight &table, const int64_t *ids, const Rows &out, Queue &queue) {
  kernels::EmbeddingCall call;
  call.n = out.rows;
  call.dim = call.table_stride = table.shape[1];
  call.ids = ids;
  call.table = table.data;
  call.type = table.dtype;
  call.out = out.data;
  call.out_stride = out.stride;
  queue.embed(call);
}

/// float32 [rows...] as a tensor that owns its memory.
Rows as_rows(const at::Tensor &tensor) {
  return {tensor.mutable_data_ptr<float>(), tensor.size(0), tensor.size(1)};
}

}  // namespace

Decoder::Decoder(const DecoderDescription &description, WeightReader reader) : config_(description.config) {
  const DecoderNames &names = description.names;
  if (config_.rope) rope_ = std::make_unique<Rope>(*config_.rope);
  if (rope_)
    rope_extension_ = std::make_unique<RopeExtension>(*rope_, static_cast<int32_t>(config_.layers.size()));
  const DecoderBuilder build(config_, names, reader, rope_.get());
  embedding_ = build.embedding();
  positions_ = build.positions();
  for (size_t i = 0; i < config_.layers.size(); ++i) blocks_.push_back(build.block(i));
  final_norm_ = build.final_norm();
  head_ = build.head();
  layers_ = layer_specs(config_);
  info_ = {config_.model_type,  config_.vocab_size, config_.max_positions,
           reader.parameters(), reader.bytes(),     host_dtype(embedding_.dtype)};
}

void Decoder::check(const Step &step, const Input &input) const {
  const at::Tensor &tensor = input.ids;
  if (tensor.dim() != 2 || tensor.numel() == 0 || tensor.scalar_type() != at::kLong ||
      tensor.size(0) != step.rows() || tensor.size(1) != step.n_new()) {
    throw Error(ErrorKind::internal, "a forward pass wants ids, int64 [B, T], as many as its step has");
  }
  const at::Tensor contiguous = input.ids.contiguous();
  const int64_t *ids = contiguous.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < contiguous.numel(); ++i) {
    if (ids[i] >= 0 && ids[i] < config_.vocab_size) continue;
    throw Error(ErrorKind::input, "the id " + std::to_string(ids[i]) +
                                      " is outside of the vocabulary, which has " +
                                      std::to_string(config_.vocab_size) + " entries");
  }
  if (!positions_) return;
  for (int64_t first : step.request().row_pos) {
    const int64_t end = first + input.ids.size(1);
    if (end <= config_.learned_positions) continue;
    throw Error(ErrorKind::input, std::to_string(end) + " positions are more than the " +
                                      std::to_string(config_.learned_positions) +
                                      " that this model has learned");
  }
}

void Decoder::embed(Step &step, const int64_t *ids, const Workspace &work) const {
  Queue &queue = step.queue();
  look_up(embedding_, ids, work.residual, queue);
  if (!positions_) return;
  // the embedding of padding does not matter: its keys are masked
  std::vector<int64_t> positions = step.positions();
  for (int64_t &position : positions) position = std::max<int64_t>(position, 0);
  look_up(positions_, positions.data(), work.normed, queue);
  queue.add_scaled({work.residual.rows, config_.hidden_size, work.residual.data, work.residual.stride,
                    work.normed.data, work.normed.stride, 1.0f});
}

at::Tensor Decoder::logits(const Rows &normed, Queue &queue) const {
  const at::Tensor out = at::empty({normed.rows, config_.vocab_size}, at::kFloat);
  project(head_, normed, as_rows(out), Into::replace, queue);
  return out;
}

// Norm and head see only the rows that are asked for.
Output Decoder::output(const Input &input, const Workspace &work, Queue &queue) const {
  Output output;
  Rows rows = work.residual;
  if (input.logits == Input::Logits::none && !input.hidden) return output;
  const bool last = input.logits == Input::Logits::last;
  if (last && !input.hidden) {
    rows.data += (work.n_new - 1) * work.residual.stride;
    rows.rows = work.batch;
    rows.stride = work.n_new * work.residual.stride;
  }
  Rows normed{work.normed.data, rows.rows, work.normed.stride};
  final_norm_(rows, normed, queue);
  if (input.hidden) {
    output.hidden = at::empty({rows.rows, config_.hidden_size}, at::kFloat);
    queue.download(normed.data, output.hidden.mutable_data_ptr(),
                   static_cast<size_t>(output.hidden.nbytes()));
    output.hidden = output.hidden.view({work.batch, work.n_new, config_.hidden_size});
  }
  if (input.logits == Input::Logits::none) return output;
  if (last && input.hidden) {
    normed.data += (work.n_new - 1) * normed.stride;
    normed.rows = work.batch;
    normed.stride *= work.n_new;
  }
  output.logits = logits(normed, queue).view({work.batch, last ? 1 : work.n_new, config_.vocab_size});
  return output;
}

Output Decoder::forward(Step &step, const Input &input) const {
  check(step, input);
  const at::Tensor ids = input.ids.contiguous();
  Workspace work(config_, step.rows(), step.n_new(), step.queue());
  embed(step, ids.const_data_ptr<int64_t>(), work);
  for (size_t i = 0; i < blocks_.size(); ++i) blocks_[i].run(config_, static_cast<int>(i), step, work);
  return output(input, work, step.queue());
}

int64_t Decoder::rope_version(int64_t total_length) const {
  return rope_ ? rope_->rope_version(total_length) : 0;
}

void Decoder::offer_extensions(Host &host) const {
  if (rope_extension_) host.offer(KVERN_ROPE_1, rope_extension_->table());
}

}  // namespace kvern::models
