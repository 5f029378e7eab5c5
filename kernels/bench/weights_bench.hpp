// Products with packed weights (weights_bench.cpp).
#pragma once

namespace kvern::kernels::bench {

void bench_weights();

}  // namespace kvern::kernels::bench
