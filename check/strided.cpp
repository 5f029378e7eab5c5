#include "check/strided.hpp"

#include <algorithm>
#include <cstring>

namespace kvern::conformance {
namespace {

bool same(DLDataType a, DLDataType b) { return a.code == b.code && a.bits == b.bits && a.lanes == b.lanes; }
bool is_single(DLDataType type) { return type.code == kDLFloat && type.bits == 32 && type.lanes == 1; }
bool is_bfloat16(DLDataType type) { return type.code == kDLBfloat && type.bits == 16 && type.lanes == 1; }

uint32_t single_bits(const std::byte *element, DLDataType type) {
  uint32_t bits = 0;
  if (is_single(type)) std::memcpy(&bits, element, 4);
  if (is_bfloat16(type)) std::memcpy(reinterpret_cast<std::byte *>(&bits) + 2, element, 2);
  return bits;
}

void store(uint32_t bits, std::byte *element, DLDataType type) {
  if (is_single(type)) {
    std::memcpy(element, &bits, 4);
    return;
  }
  const uint32_t rounded = bits + 0x7FFFu + ((bits >> 16) & 1u);
  std::memcpy(element, reinterpret_cast<const std::byte *>(&rounded) + 2, 2);
}

}  // namespace

Strided::Strided(const DLTensor &tensor)
    : data(static_cast<std::byte *>(tensor.data) + tensor.byte_offset),
      type(tensor.dtype),
      shape(tensor.shape, tensor.shape + tensor.ndim),
      strides(shape.size()) {
  int64_t stride = element();
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    strides[axis] = tensor.strides ? tensor.strides[axis] * element() : stride;
    stride *= shape[axis];
  }
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

void Strided::visit(const std::function<void(std::byte *)> &call) const {
  std::vector<int64_t> at(shape.size(), 0);
  for (int64_t left = elements(); left > 0; --left) {
    std::byte *address = data;
    for (std::size_t axis = 0; axis < at.size(); ++axis) address += at[axis] * strides[axis];
    call(address);
    for (std::size_t axis = at.size(); axis-- > 0 && ++at[axis] == shape[axis];) at[axis] = 0;
  }
}

std::vector<std::byte> Strided::read() const {
  std::vector<std::byte> elements(static_cast<std::size_t>(this->elements() * element()));
  std::byte *next = elements.data();
  visit([&](std::byte *address) {
    std::memcpy(next, address, static_cast<std::size_t>(element()));
    next += element();
  });
  return elements;
}

void Strided::write(const std::byte *elements) const {
  visit([&](std::byte *address) {
    std::memcpy(address, elements, static_cast<std::size_t>(element()));
    elements += element();
  });
}

bool convertible(DLDataType from, DLDataType to) {
  const auto known = [](DLDataType type) { return is_single(type) || is_bfloat16(type); };
  return same(from, to) || (known(from) && known(to));
}

std::vector<std::byte> converted(const std::vector<std::byte> &elements, DLDataType from, DLDataType to) {
  if (same(from, to)) return elements;
  const int64_t source = from.bits / 8, target = to.bits / 8;
  const int64_t count = static_cast<int64_t>(elements.size()) / source;
  std::vector<std::byte> made(static_cast<std::size_t>(count * target));
  for (int64_t i = 0; i < count; ++i)
    store(single_bits(elements.data() + i * source, from), made.data() + i * target, to);
  return made;
}

}  // namespace kvern::conformance
