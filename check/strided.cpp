#include "check/strided.hpp"

#include <algorithm>
#include <cstring>

#include "check/tensor_view.hpp"

namespace kvern::conformance {
namespace {

/// Of float32 or bfloat16.
void store(float value, std::byte *element, DLDataType type) {
  const uint16_t rounded = to_bfloat16(value);
  if (is_float32(type))
    std::memcpy(element, &value, sizeof value);
  else
    std::memcpy(element, &rounded, sizeof rounded);
}

}  // namespace

Strided::Strided(const DLTensor &tensor)
    : data(data_of(tensor)),
      type(tensor.dtype),
      shape(tensor.shape, tensor.shape + tensor.ndim),
      strides(shape.size()) {
  for (int axis = 0; axis < tensor.ndim; ++axis)
    strides[static_cast<std::size_t>(axis)] = stride_of(tensor, axis) * element();
}

int64_t Strided::elements() const {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

std::byte *Strided::end() const {
  if (empty()) return data;
  std::byte *last = data;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) last += (shape[axis] - 1) * strides[axis];
  return last + element();
}

Strided Strided::slice(int axis, int64_t begin, int64_t end) const {
  Strided part = *this;
  part.data += begin * strides[axis];
  part.shape[axis] = end - begin;
  return part;
}

void Strided::visit(const std::function<void(std::byte *, std::size_t)> &call) const {
  std::size_t axes = shape.size();
  int64_t run = element();
  for (; axes > 0 && (strides[axes - 1] == run || shape[axes - 1] == 1); --axes) run *= shape[axes - 1];
  std::vector<int64_t> at(axes, 0);
  for (int64_t left = run > 0 ? elements() * element() / run : 0; left > 0; --left) {
    std::byte *address = data;
    for (std::size_t axis = 0; axis < axes; ++axis) address += at[axis] * strides[axis];
    call(address, static_cast<std::size_t>(run));
    for (std::size_t axis = axes; axis-- > 0 && ++at[axis] == shape[axis];) at[axis] = 0;
  }
}

std::vector<std::byte> Strided::read() const {
  std::vector<std::byte> elements(static_cast<std::size_t>(this->elements() * element()));
  std::byte *next = elements.data();
  visit([&](std::byte *address, std::size_t size) {
    std::memcpy(next, address, size);
    next += size;
  });
  return elements;
}

void Strided::write(const std::byte *elements) const {
  visit([&](std::byte *address, std::size_t size) {
    std::memcpy(address, elements, size);
    elements += size;
  });
}

bool convertible(DLDataType from, DLDataType to) {
  const auto known = [](DLDataType type) { return is_float32(type) || is_bfloat16(type); };
  return same_type(from, to) || (known(from) && known(to));
}

std::vector<std::byte> converted(const std::vector<std::byte> &elements, DLDataType from, DLDataType to) {
  if (same_type(from, to)) return elements;
  const int64_t source = from.bits / 8, target = to.bits / 8;
  const int64_t count = static_cast<int64_t>(elements.size()) / source;
  std::vector<std::byte> made(static_cast<std::size_t>(count * target));
  for (int64_t i = 0; i < count; ++i) store(load(elements.data(), from, i), made.data() + i * target, to);
  return made;
}

}  // namespace kvern::conformance
