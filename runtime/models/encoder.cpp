#include "runtime/models/encoder.hpp"

#include <kvern/error.hpp>

#include "core/torch/torch.hpp"

namespace kvern::models {
namespace {

void check_ids(const at::Tensor &ids, int64_t vocab_size) {
  const at::Tensor all = ids.contiguous();
  for (int64_t i = 0; i < all.numel(); ++i) {
    const int64_t id = all.const_data_ptr<int64_t>()[i];
    if (id >= 0 && id < vocab_size) continue;
    throw Error(ErrorKind::input, "the id " + std::to_string(id) +
                                      " of the encoder's input is outside of the vocabulary, which has " +
                                      std::to_string(vocab_size) + " entries");
  }
}

void gelu(const MatrixView &x, int64_t dim, Queue &queue) {
  kernels::ActivationCall call;
  call.activation = kernels::Activation::gelu;
  call.rows = x.rows;
  call.dim = dim;
  call.x = call.out = x.data;
  call.x_stride = call.out_stride = x.stride;
  queue.activate(call);
}

/// Frames side by side with zeros around them, [1 + n + 1, dim].
MatrixView padded_frames(const at::Tensor &frames, int64_t padding, const DeviceMemory &memory,
                         Queue &queue) {
  const int64_t n = frames.size(0), dim = frames.size(1);
  const at::Tensor all = at::zeros({n + 2 * padding, dim});
  all.slice(0, padding, padding + n).copy_(frames);
  queue.upload(all.const_data_ptr<float>(), memory.floats(), static_cast<size_t>(all.nbytes()));
  return {memory.floats(), n + 2 * padding, dim};
}

size_t float_bytes(int64_t n) { return static_cast<size_t>(n) * sizeof(float); }

/// One row's features [bins, frames] to `out` [frames / 2, d]. The first convolution writes between rows of zeros.
void convolve(const AudioFrontEnd &front, const at::Tensor &features, const MatrixView &out, Queue &queue) {
  const Conv1d &a = front.first, &b = front.second;
  const int64_t n = features.size(1), middle = a.frames(n) + 2 * b.padding();
  const DeviceMemory in = queue.take(float_bytes((n + 2 * a.padding()) * a.in())),
                     between = queue.take(float_bytes(middle * a.out()));
  const MatrixView x = padded_frames(features.t(), a.padding(), in, queue);
  const MatrixView y = padded_frames(at::zeros({a.frames(n), a.out()}), b.padding(), between, queue);
  const MatrixView inner = y.slice(b.padding(), y.rows - b.padding());
  a(x, inner, queue);
  gelu(inner, a.out(), queue);
  b(y, out, queue);
  gelu(out, b.out(), queue);
}

std::vector<int64_t> positions_of(int64_t rows, int64_t length, const std::vector<int64_t> &row_len) {
  std::vector<int64_t> positions;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t t = 0; t < length; ++t)
      positions.push_back(row_len.empty() || t < row_len[static_cast<size_t>(r)] ? t : -1);
  return positions;
}

}  // namespace

void Encoder::check(const EncoderInput &input) const {
  const std::string model = "the encoder of '" + parts_.model_type + "'";
  const bool audio = parts_.frontend.has_value();
  if (audio != input.features.defined())
    throw Error(ErrorKind::input, model + (audio ? " reads features of audio, not token ids"
                                                 : " reads token ids, not features of audio"));
  const at::Tensor &given = audio ? input.features : input.ids;
  if (given.dim() != (audio ? 3 : 2) || given.numel() == 0)
    throw Error(ErrorKind::input, model + " is given nothing to read");
  const int64_t length = audio ? parts_.frontend->second.frames(given.size(2)) : given.size(1);
  if (audio && given.size(1) != parts_.frontend->first.in())
    throw Error(ErrorKind::input, model + " reads " + std::to_string(parts_.frontend->first.in()) +
                                      " mel bins, the features have " + std::to_string(given.size(1)));
  if (parts_.max_positions > 0 && length > parts_.max_positions)
    throw Error(ErrorKind::input, "the encoder's input has " + std::to_string(length) + " positions; " +
                                      model + " takes at most " + std::to_string(parts_.max_positions));
  if (!audio) check_ids(input.ids, parts_.embedding->vocab_size());
}

void Encoder::embed(const EncoderInput &input, Activations &x, Queue &queue) const {
  const std::vector<int64_t> order = positions_of(x.batch, x.n_new, {});
  if (parts_.embedding) {
    const at::Tensor ids = input.ids.contiguous();
    return parts_.embedding->embed(ids.const_data_ptr<int64_t>(), order, x, queue);
  }
  for (int64_t r = 0; r < x.batch; ++r)
    convolve(*parts_.frontend, input.features[r], x.residual.slice(r * x.n_new, (r + 1) * x.n_new), queue);
  look_up(parts_.frontend->positions, order.data(), 1.0f, x.normed, queue);
  queue.add_scaled({x.residual.rows, parts_.hidden_size, x.residual.data, x.residual.stride, x.normed.data,
                    x.normed.stride, 1.0f});
}

Encoded Encoder::run(const EncoderInput &input, Queue &queue) const {
  check(input);
  const int64_t batch = input.features.defined() ? input.features.size(0) : input.ids.size(0);
  const int64_t length =
      parts_.frontend ? parts_.frontend->second.frames(input.features.size(2)) : input.ids.size(1);
  const int64_t dim = parts_.hidden_size, n = batch * length;
  const DeviceMemory residual = queue.take(float_bytes(n * dim)), normed = queue.take(float_bytes(n * dim));
  Scratch scratch(queue);
  Activations x{
      {residual.floats(), n, dim}, {normed.floats(), n, dim}, {}, batch, length, 0, nullptr, scratch};
  embed(input, x, queue);
  const std::vector<int64_t> positions = positions_of(batch, length, input.row_len);
  std::vector<float> memory;
  std::optional<BiasView> view;
  const Bias bias = [&](const BiasPositions &at) {
    if (!view) view = (*parts_.bias)(at, memory);  // the same in every layer
    return *view;
  };
  for (const Layer &layer : parts_.layers) {
    layer.attention.add_to(x, queue, positions, parts_.bias ? &bias : nullptr);
    layer.mlp->add_without_step(x, queue);
  }
  if (parts_.norm) parts_.norm(x.residual, x.residual, queue);
  Encoded encoded{at::empty({batch, length, dim}), input.row_len};
  queue.download(x.residual.data, encoded.hidden.mutable_data_ptr(),
                 static_cast<size_t>(encoded.hidden.nbytes()));
  return encoded;
}

}  // namespace kvern::models
