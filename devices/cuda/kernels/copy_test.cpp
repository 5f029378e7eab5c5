#include "devices/cuda/testing/orders.hpp"

using namespace kvern;
using namespace kvern::device::testing;

TEST_CASE("A strided copy on a card transposes, converts and selects") {
  Random random(3);
  Buffer from = random.elements(Dtype::f32, 6 * 50), out(Dtype::bf16, 4 * 50);
  const std::vector<int64_t> index = {5, 0, 0, 3};
  device::StridedCopy call;
  call.from = from.data();
  call.axes = 2;
  call.shape[0] = 4, call.shape[1] = 50;
  call.from_stride[0] = 50, call.from_stride[1] = 1;
  call.to_stride[0] = 1, call.to_stride[1] = 4;
  call.converts = true;
  call.to_type = Dtype::bf16;
  call.index = index.data();
  in_every_order([&] {
    fill(out, NAN);
    call.to = out.data();
    device::copy_strided(call, nullptr);
    for (int64_t i = 0; i < 4; ++i)
      for (int64_t j = 0; j < 50; ++j)
        CHECK(out.at(j * 4 + i) ==
              kernels::bf16_to_f32(kernels::f32_to_bf16(from.at(index[static_cast<size_t>(i)] * 50 + j))));
  });
}

TEST_CASE("Elements of one to eight bytes are copied as they are, and zeros where nothing is copied") {
  for (const int element : {1, 2, 4, 8}) {
    std::vector<unsigned char> from(static_cast<size_t>(7 * element)), to(from.size(), 0xEE);
    for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<unsigned char>(i + 1);
    device::StridedCopy call;
    call.from = from.data();
    call.to = to.data();
    call.axes = 1;
    call.element = element;
    call.shape[0] = 7;
    call.from_stride[0] = call.to_stride[0] = 1;
    device::copy_strided(call, nullptr);
    CHECK(to == from);
    call.from = nullptr;
    device::copy_strided(call, nullptr);
    CHECK(to == std::vector<unsigned char>(from.size(), 0));
  }
}
