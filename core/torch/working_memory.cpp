#include "core/torch/working_memory.hpp"

#include <memory>
#include <new>

#include "devices/cpu/huge_page_allocator.hpp"

namespace kvern {

at::Tensor working_memory(at::IntArrayRef sizes) {
  constexpr std::size_t kApart = std::size_t{1} << 20;
  const std::size_t bytes = static_cast<std::size_t>(c10::multiply_integers(sizes)) * sizeof(float);
  if (bytes < kApart) return at::empty(sizes, at::kFloat);
  const auto pages = std::make_shared<HugePageAllocator>();
  void *data = pages->take(bytes);
  if (!data) throw std::bad_alloc();
  return at::from_blob(
      data, sizes, [pages, bytes](void *taken) { pages->give_back(taken, bytes); }, at::kFloat);
}

}  // namespace kvern
