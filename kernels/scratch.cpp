// Blocks that grow and are freed when their thread ends.
#include "kernels/scratch.hpp"

#include <memory>
#include <new>

#include "kernels/thread_owned.hpp"

namespace kvern::kernels {
namespace {

struct Release {
  void operator()(float *p) const { ::operator delete (p, std::align_val_t{64}); }
};

struct Block {
  std::unique_ptr<float, Release> data;
  int64_t floats = 0;
};

struct Blocks {
  Block of_user[static_cast<int>(ScratchUser::mass) + 1];
};

}  // namespace

float *thread_scratch(ScratchUser user, int64_t floats) {
  Block &block = ThreadOwned<Blocks>::get().of_user[static_cast<int>(user)];
  if (block.floats < floats) {
    block.data.reset();
    block.floats = 0;
    block.data.reset(
        static_cast<float *>(::operator new (static_cast<size_t>(floats) * 4, std::align_val_t{64})));
    block.floats = floats;
  }
  return block.data.get();
}

}  // namespace kvern::kernels
