#include <kvern/sdk/tensor.hpp>

#include "tests/support/test.hpp"

using namespace kvern::sdk;

TEST_CASE("A slice of a borrowed tensor has its own shape and the whole tensor's strides") {
  int64_t shape[] = {2, 3, 5, 4}, strides[] = {600, 200, 40, 1};
  float data[1];
  DLTensor whole{data, {kDLCPU, 0}, 4, {kDLFloat, 32, 1}, shape, nullptr, 8};

  const TensorSlice contiguous(whole, {1, 1}, {2, 3});
  CHECK(contiguous.tensor().byte_offset == 8 + 4 * (60 + 2 * 4));
  CHECK(contiguous.tensor().shape[0] == 1);
  CHECK(contiguous.tensor().shape[2] == 3);
  CHECK(stride_of(contiguous.tensor(), 1) == 20);  // of five slots, not of the slice's three

  whole.strides = strides;
  const TensorSlice strided(whole, {1, 1}, {2, 3});
  CHECK(strided.tensor().byte_offset == 8 + 4 * (600 + 2 * 40));
  CHECK(stride_of(strided.tensor(), 1) == 200);
  CHECK(whole.shape[2] == 5);
}

TEST_CASE("What is handed out as contiguous has the strides of its shape") {
  float data[24];
  DLTensor out;
  OutTensor holder;
  holder.export_to(&out, data, {kDLCPU, 0}, {kDLFloat, 32, 1}, {1, 2, 3, 4});
  CHECK(out.strides[0] == 24);
  CHECK(out.strides[1] == 12);
  CHECK(out.strides[2] == 4);
  CHECK(out.strides[3] == 1);
}
