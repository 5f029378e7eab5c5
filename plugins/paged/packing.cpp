#include "plugins/paged/packing.hpp"

#include <kvern/sdk/kernel_call.hpp>
#include <stdexcept>

#include "kernels/quant/quantize.hpp"

namespace kvern::paged {
namespace {

kernels::Dtype type_of(const sdk::Create &create) {
  if (create.host.device().device_type != kDLCPU)
    sdk::fail(KVERN_UNSUPPORTED, "blocks are packed by the CPU: leave nbits out on another device");
  if (const auto found = sdk::find_kernel_type(create.type)) return *found;
  sdk::fail(KVERN_UNSUPPORTED,
            "blocks of keys of type float32, bfloat16 or float16 can be packed, no others");
}

quant::BlockFormat format_of(const Settings &settings, const sdk::Layer &layer) {
  quant::TensorFormat key = settings.key, value = settings.value;
  key.dim = layer.head_dim_k;
  value.dim = layer.head_dim_v;
  if (layer.values_in_keys() && key.axis != value.axis)
    sdk::fail(KVERN_INVALID_ARGUMENT,
              "the model's values lie in its keys: axis_value must be that of axis_key");
  try {
    if (layer.values_in_keys()) return quant::BlockFormat(key, layer.head_dim_v);
    return quant::BlockFormat(key, value);
  } catch (const std::invalid_argument &error) {
    sdk::fail(KVERN_INVALID_ARGUMENT, error.what());
  }
}

}  // namespace

Packing::Packing(const sdk::Create &create, const Settings &settings)
    : settings_(settings),
      type_(type_of(create)),
      parallel_(create.host.extension<kvern_parallel_1>(KVERN_PARALLEL_1)) {
  for (const sdk::Layer &layer : create.layers) {
    if (layer.kind == KVERN_LAYER_ATTENTION) parts_.push_back({format_of(settings, layer), layer.kv_heads});
  }
}

int64_t Packing::bytes(int part) const {
  return parts_[static_cast<std::size_t>(part)].heads * head_stride(part);
}

void Packing::pack(int part, std::span<const Task> tasks) const {
  const quant::BlockFormat &format = this->format(part);
  const int64_t units = this->units(part), heads = parts_[static_cast<std::size_t>(part)].heads;
  const auto write = [&](int64_t i) {
    const Task &task = tasks[static_cast<std::size_t>(i / (heads * units))];
    const int64_t head = i / units % heads, unit = i % units, slot = unit * format.tokens;
    std::byte *to = task.to + head * head_stride(part) + unit * format.bytes;
    const auto view = [&](const std::byte *data, int64_t head_bytes, int64_t slot_bytes) {
      return quant::HeadView{data + head * head_bytes + slot * slot_bytes, type_,
                             slot_bytes / kernels::size_of(type_)};
    };
    const sdk::BlockAddress &from = task.from;
    quant::quantize_keys(format, view(from.k, from.k_head, from.k_slot), format.tokens, quant::Search::fast,
                         to);
    if (format.values_in_keys) return;
    quant::quantize_values(format, view(from.v, from.v_head, from.v_slot), format.tokens, quant::Search::fast,
                           to);
  };
  const kernels::Parallel parallel =
      parallel_ ? kernels::Parallel{parallel_->threads(parallel_->ctx), parallel_->ctx, parallel_->run}
                : kernels::serial();
  kernels::parallel_for(parallel, std::ssize(tasks) * heads * units, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) write(i);
  });
}

void Packing::unpack(int part, const std::byte *from, int64_t slot, int64_t count, const sdk::Block &k,
                     const sdk::Block *v) const {
  const quant::BlockFormat &format = this->format(part);
  const int64_t size = kernels::size_of(type_);
  for (int64_t head = 0; head < parts_[static_cast<std::size_t>(part)].heads; ++head) {
    for (int64_t done = 0, n = 0; done < count; done += n) {
      const int64_t first = (slot + done) % format.tokens, unit = (slot + done) / format.tokens;
      n = std::min(format.tokens - first, count - done);
      const std::byte *block = from + head * head_stride(part) + unit * format.bytes;
      const auto to = [&](const sdk::Block &out) {
        return out.data + head * out.head_stride + done * out.slot_stride;
      };
      quant::dequantize_keys(format, block, first, n, true, to(k), type_, k.slot_stride / size);
      if (v && !format.values_in_keys)
        quant::dequantize_values(format, block, first, n, true, to(*v), type_, v->slot_stride / size);
    }
  }
}

bool Packing::equals(const sdk::BlockPacking &other) const {
  const auto *theirs = dynamic_cast<const Packing *>(&other);
  return theirs && theirs->settings_.same_format(settings_);
}

}  // namespace kvern::paged
