// The forward pass around the sublayers: ids to hidden states, hidden states to logits.
#include "runtime/models/decoder.hpp"

#include <algorithm>
#include <kvern/abi/positions.h>
#include <kvern/error.hpp>
#include <map>
#include <mutex>

#include "core/torch/torch.hpp"
#include "runtime/models/finite.hpp"

namespace kvern::models {
namespace {

void check_shape(const Step &step, const at::Tensor &ids) {
  if (ids.dim() == 2 && ids.numel() > 0 && ids.scalar_type() == at::kLong && ids.size(0) == step.rows() &&
      ids.size(1) == step.n_new())
    return;
  throw Error(ErrorKind::internal, "forward: ids must be int64 [B, T], as many as the step has");
}

// The last token of each row.
MatrixView last_of(const MatrixView &rows, int64_t batch, int64_t n_new) {
  return {rows.data + (n_new - 1) * rows.stride, batch, n_new * rows.stride};
}

at::Tensor to_tensor(const MatrixView &rows, int64_t dim, Queue &queue) {
  const at::Tensor tensor = at::empty({rows.rows, dim}, at::kFloat);
  queue.download(rows.data, tensor.mutable_data_ptr(), static_cast<size_t>(tensor.nbytes()));
  return tensor;
}

/// One table for each limit; static lifetime.
const kvern_positions_1 *positions_table(int64_t max_positions) {
  static std::mutex mutex;
  static auto &tables = *new std::map<int64_t, kvern_positions_1>;
  const std::scoped_lock lock(mutex);
  return &tables.try_emplace(max_positions, kvern_positions_1{sizeof(kvern_positions_1), 0, max_positions})
              .first->second;
}

}  // namespace

Decoder::Decoder(Parts parts) : parts_(std::move(parts)) {
  for (size_t i = 0; i < parts_.blocks.size(); ++i) {
    read_block_.push_back(false);
    for (const auto &sublayer : parts_.blocks[i]) {
      if (sublayer->reads_block()) read_block_[i] = true;
      order_.push_back({sublayer.get(), i, static_cast<int>(layers_.size())});
      const std::optional<LayerSpec> spec = sublayer->spec();
      if (!spec) continue;
      layers_.push_back(*spec);
      const bool in_keys = (spec->flags & KVERN_VALUES_IN_KEYS) != 0;
      ropes_.push_back({sublayer->rope(), in_keys ? spec->head_dim_v : 0});
    }
  }
  if (std::any_of(ropes_.begin(), ropes_.end(), [](const LayerRope &layer) { return layer.rope != nullptr; }))
    rope_extension_ = std::make_unique<RopeExtension>(ropes_, queue());
}

std::vector<std::string> Decoder::feed_forward() const {
  std::vector<std::string> of_block(parts_.blocks.size()), of_layer;
  for (const Placed &placed : order_) {
    std::string &text = of_block[placed.block];
    if (!placed.sublayer->spec()) text += (text.empty() ? "" : ", ") + placed.sublayer->describe();
  }
  for (const Placed &placed : order_)
    if (placed.sublayer->spec()) of_layer.push_back(of_block[placed.block]);
  return of_layer;
}

void Decoder::run_blocks(Activations &x, Step &step, const Input &input) const {
  size_t next = 0;  // the first block that has not begun
  for (const Placed &placed : order_) {
    if (placed.block >= next) {
      if (read_block_[placed.block]) copy(x.residual, x.block, step.queue());
      next = placed.block + 1;
    }
    x.layer = placed.layer;
    placed.sublayer->add_to(x, step);
    if (input.locate_non_finite)
      check_finite(x.residual, parts_.embedding.hidden_size(), step.queue(),
                   "layer " + std::to_string(placed.block) + ", " + placed.sublayer->name());
    if (input.stop_requested && (*input.stop_requested)()) throw StopRequested();
  }
}

// Norm and head read only the rows that are asked for.
Output Decoder::output(const Input &input, const Activations &x, Queue &queue) const {
  Output output;
  const bool none = input.logits == Input::Logits::none, last = input.logits == Input::Logits::last;
  if (none && !input.hidden) return output;
  const int64_t dim = parts_.embedding.hidden_size();
  const bool few = last && !input.hidden;
  const MatrixView from = few ? last_of(x.residual, x.batch, x.n_new) : x.residual;
  MatrixView normed{x.normed.data, from.rows, x.normed.stride};
  parts_.head.normalize(from, normed, queue);
  if (input.hidden) output.hidden = to_tensor(normed, dim, queue).view({x.batch, x.n_new, dim});
  if (none) return output;
  if (last && input.hidden) normed = last_of(normed, x.batch, x.n_new);
  output.logits = at::empty({x.batch, last ? 1 : x.n_new, parts_.info.vocab_size}, at::kFloat);
  parts_.head(normed, output.logits.mutable_data_ptr<float>(), queue);
  return output;
}

Encoded Decoder::encode(const EncoderInput &input) const {
  return parts_.encoder ? parts_.encoder->run(input, queue()) : Model::encode(input);
}

Output Decoder::forward(Step &step, const Input &input) const {
  check_shape(step, input.ids);
  const at::Tensor ids = input.ids.contiguous();
  const int64_t *data = ids.const_data_ptr<int64_t>();
  parts_.embedding.check(data, step);
  Queue &queue = step.queue();
  const int64_t dim = parts_.embedding.hidden_size(), n = step.rows() * step.n_new();
  const size_t bytes = static_cast<size_t>(n * dim) * sizeof(float);
  const bool reads_block = std::find(read_block_.begin(), read_block_.end(), true) != read_block_.end();
  const DeviceMemory residual = queue.take(bytes), normed = queue.take(bytes),
                     block = queue.take(reads_block ? bytes : 0);
  Scratch scratch(queue);
  Activations x{{residual.floats(), n, dim},
                {normed.floats(), n, dim},
                {block.floats(), n, dim},
                step.rows(),
                step.n_new(),
                0,
                input.encoded,
                scratch};
  parts_.embedding(data, x, step);
  if (input.locate_non_finite) check_finite(x.residual, dim, queue, "the embedding");
  run_blocks(x, step, input);
  Output output = this->output(input, x, queue);
  if (input.locate_non_finite && output.logits.defined())
    check_finite({output.logits.mutable_data_ptr<float>(), output.logits.numel() / info().vocab_size,
                  info().vocab_size},
                 info().vocab_size, cpu_queue(), "the logits");
  return output;
}

int64_t Decoder::rope_version(int64_t total_length) const {
  int64_t version = 0;
  for (const LayerRope &layer : ropes_)
    version = std::max(version, layer.rope ? layer.rope->rope_version(total_length) : 0);
  return version;
}

void Decoder::offer_extensions(Host &host) const {
  if (rope_extension_) host.offer(KVERN_ROPE_1, rope_extension_->table());
  if (!parts_.embedding.positions.data)
    host.offer(KVERN_POSITIONS_1, positions_table(parts_.info.max_positions));
}

}  // namespace kvern::models
