// Products with packed and bf16 matrices of decoder layers: as many matrices in turn as exceed the processor's caches. GB/s of
// weights with one row of x, and the time that rows share.
#include "kernels/bench/weights_bench.hpp"

#include <cstdio>
#include <memory>

#include "kernels/bench/bench_support.hpp"
#include "kernels/matmul.hpp"
#include "kernels/weights/product.hpp"

namespace kvern::kernels::bench {
namespace {

constexpr int64_t kTotal = 1 << 27;  // bytes of all matrices

/// Matrices [n, k] one after the other in memory; bits 16: bf16.
class Matrices {
 public:
  Matrices(int64_t n, int64_t k, int bits) : n_(n), k_(k), bits_(bits) {
    shape_.n = n, shape_.k = k, shape_.bits = bits == 16 ? 8 : bits;
    shape_.has_offsets = bits == 4;  // as the quantizer makes them
    bytes_ = bits == 16 ? 2 * n * k : (shape_.bytes() + 63) / 64 * 64;
    count_ = kTotal / bytes_;
    memory_ = std::make_unique<Memory>(count_ * bytes_);
  }
  int64_t count() const { return count_; }
  int64_t bytes() const { return bytes_; }

  void multiply(int64_t i, const float *x, int64_t m, float *y) const {
    const char *data = memory_->data() + i * bytes_;
    if (bits_ == 16) {
      MatmulCall call;
      call.m = m, call.n = n_, call.k = k_, call.x = x, call.x_stride = k_, call.w = data,
      call.w_type = Dtype::bf16;
      call.w_stride = k_, call.y = y, call.y_stride = n_, call.round_x = true;
      return matmul(call, serial());
    }
    PackedMatrix w = shape_;
    w.codes = reinterpret_cast<const uint8_t *>(data);
    w.scales = reinterpret_cast<const uint16_t *>(data + w.code_bytes());
    const PackedPart part{&w, nullptr, Dtype::f32};
    packed_matmul({m, x, k_, &part, 1, y, n_, false}, serial());
  }

 private:
  int64_t n_, k_;
  int bits_;
  PackedMatrix shape_;
  int64_t bytes_ = 0, count_ = 0;
  std::unique_ptr<Memory> memory_;
};

void bench_shape(int64_t n, int64_t k) {
  constexpr int64_t kMaxRows = 128;
  Memory x(kMaxRows * k * 4), y(kMaxRows * n * 4);
  fill(x.data(), Dtype::f32, kMaxRows * k);
  for (const int bits : {16, 8, 4}) {
    const Matrices w(n, k, bits);
    std::printf("weights %5ld x %5ld %2d bits:", static_cast<long>(n), static_cast<long>(k), bits);
    for (const int64_t m : {1, 2, 4, 8, 16, 32, 128}) {
      const int64_t count = m > 8 ? std::min<int64_t>(w.count(), 40) : w.count();
      const Seconds t = measure(3, [&] {
        for (int64_t i = 0; i < count; ++i)
          w.multiply(i, reinterpret_cast<const float *>(x.data()), m, reinterpret_cast<float *>(y.data()));
      });
      const double one = t.best / static_cast<double>(count);
      if (m == 1)
        std::printf(" 1 row %6.1f us, %4.1f GB/s;", 1e6 * one, 1e-9 * static_cast<double>(w.bytes()) / one);
      if (m > 1) std::printf(" %ld rows %6.1f", static_cast<long>(m), 1e6 * one / static_cast<double>(m));
    }
    std::printf(" us a row\n");
  }
}

}  // namespace

void bench_weights() {
  bench_shape(576, 1536);
  bench_shape(1536, 576);
  bench_shape(4864, 896);
  bench_shape(4096, 4096);
}

}  // namespace kvern::kernels::bench
