#include "core/torch/single_thread.hpp"

#include <filesystem>

#include "core/torch/torch.hpp"
#include "tests/support/test.hpp"

TEST_CASE("LibTorch's operators start no thread, however large their tensors are") {
  kvern::keep_torch_single_threaded();
  const at::Tensor x = at::rand({4, 200000});
  const float sum = at::softmax(x, -1).sum().item<float>();
  CHECK(sum > 3.9f);
  at::sort(x, -1);
  at::mm(at::rand({300, 300}), at::rand({300, 300}));
  CHECK(at::get_num_threads() == 1);
  int tasks = 0;
  for ([[maybe_unused]] const auto &task : std::filesystem::directory_iterator("/proc/self/task")) ++tasks;
  CHECK(tasks == 1);
}
