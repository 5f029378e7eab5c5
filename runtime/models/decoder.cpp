// The forward pass around the blocks: ids to rows, rows to logits.
#include "runtime/models/decoder.hpp"

#include <algorithm>
#include <kvern/error.hpp>

#include "kernels/elementwise.hpp"
#include "devices/cpu/threads.hpp"
#include "core/torch/torch.hpp"
#include "runtime/models/decoder_build.hpp"

namespace kvern::models {
namespace {

void look_up(const Weight &table, const int64_t *ids, const Rows &out, const kernels::Parallel &parallel) {
  kernels::EmbeddingCall call;
  call.n = out.rows;
  call.dim = call.table_stride = table.shape[1];
  call.ids = ids;
  call.table = table.data;
  call.type = table.dtype;
  call.out = out.data;
  call.out_stride = out.stride;
  kernels::embed(call, parallel);
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

void Decoder::check(const ForwardInput &input) const {
  const at::Tensor &tensor = input.ids;
  if (tensor.dim() != 2 || tensor.numel() == 0 || tensor.scalar_type() != at::kLong ||
      !tensor.is_contiguous() || static_cast<int64_t>(input.row_pos.size()) != tensor.size(0)) {
    throw Error(ErrorKind::internal, "a forward pass wants ids, int64 [B, T], and a position for each row");
  }
  const int64_t *ids = input.ids.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < input.ids.numel(); ++i) {
    if (ids[i] >= 0 && ids[i] < config_.vocab_size) continue;
    throw Error(ErrorKind::input, "the id " + std::to_string(ids[i]) +
                                      " is outside of the vocabulary, which has " +
                                      std::to_string(config_.vocab_size) + " entries");
  }
  if (!positions_) return;
  for (int64_t first : input.row_pos) {
    const int64_t end = first + input.ids.size(1);
    if (end <= config_.learned_positions) continue;
    throw Error(ErrorKind::input, std::to_string(end) + " positions are more than the " +
                                      std::to_string(config_.learned_positions) +
                                      " that this model has learned");
  }
}

void Decoder::embed(const ForwardInput &input, const Workspace &work,
                    const kernels::Parallel &parallel) const {
  look_up(embedding_, input.ids.const_data_ptr<int64_t>(), work.residual, parallel);
  if (!positions_) return;
  // what padding on the left gets does not matter, nobody sees it
  std::vector<int64_t> positions;
  for (int64_t first : input.row_pos) {
    for (int64_t t = 0; t < work.n_new; ++t) positions.push_back(std::max<int64_t>(first + t, 0));
  }
  look_up(positions_, positions.data(), work.normed, parallel);
  kernels::add_scaled(work.residual.data, work.residual.stride, work.normed.data, work.normed.stride, 1.0f,
                      work.residual.rows, config_.hidden_size, parallel);
}

// Norm and head see only the rows that are asked for.
void Decoder::write_logits(const ForwardInput &input, const Workspace &work, const at::Tensor &out,
                           const kernels::Parallel &parallel) const {
  Rows last = work.residual;
  if (!input.all_logits) {
    last.data += (work.n_new - 1) * work.residual.stride;
    last.rows = work.batch;
    last.stride = work.n_new * work.residual.stride;
  }
  const Rows normed{work.normed.data, last.rows, work.normed.stride};
  final_norm_(last, normed, parallel);
  project(head_, normed, {out.mutable_data_ptr<float>(), last.rows, config_.vocab_size}, Into::replace,
          parallel);
}

at::Tensor Decoder::forward(Cache &cache, const ForwardInput &input) const {
  ForwardInput in = input;
  in.ids = input.ids.contiguous();
  check(in);
  const int64_t batch = in.ids.size(0), n_new = in.ids.size(1);
  // made before inference mode, outside of which its own tensors could not be changed in place
  const at::Tensor out = at::empty({batch, input.all_logits ? n_new : 1, config_.vocab_size}, at::kFloat);
  const c10::InferenceMode inference;
  const kernels::Parallel threads = parallel();
  Workspace work(config_, batch, n_new);
  Step step(cache, in);
  embed(in, work, threads);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    blocks_[i].run(config_, static_cast<int>(i), step, work, threads);
  }
  write_logits(in, work, out, threads);
  step.commit();
  return out;
}

int64_t Decoder::regime(int64_t total_length) const { return rope_ ? rope_->regime(total_length) : 0; }

void Decoder::offer_extensions(Host &host) const {
  if (rope_extension_) host.offer(KVERN_ROPE_1, rope_extension_->table());
}

}  // namespace kvern::models
