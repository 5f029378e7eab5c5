#include "core/torch/working_memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "tests/support/test.hpp"

using kvern::working_memory;

namespace {

bool is_mapped(std::uintptr_t address) {
  const auto page = static_cast<std::uintptr_t>(::getpagesize());
  unsigned char resident = 0;
  return ::mincore(reinterpret_cast<void *>(address / page * page), page, &resident) == 0 || errno != ENOMEM;
}

}  // namespace

TEST_CASE("A step's large memory is the system's again when its last view is gone") {
  at::Tensor view;
  std::uintptr_t first = 0;
  {
    const at::Tensor rows = working_memory({512, 1000});
    REQUIRE(rows.sizes() == at::IntArrayRef({512, 1000}));
    CHECK(rows.is_contiguous());
    rows.fill_(3);
    first = reinterpret_cast<std::uintptr_t>(rows.data_ptr());
    view = rows.view({1, 512, 1000});
  }
  CHECK(first % 64 == 0);
  CHECK(view[0][511][999].item<float>() == 3);
  CHECK(is_mapped(first));
  view.reset();
  CHECK(!is_mapped(first));
}

TEST_CASE("A step's small memory is like any other tensor") {
  const at::Tensor rows = working_memory({3, 5, 7});
  CHECK(rows.sizes() == at::IntArrayRef({3, 5, 7}));
  CHECK(rows.is_contiguous());
  CHECK(rows.scalar_type() == at::kFloat);
  CHECK(working_memory({0, 5}).numel() == 0);
}
