// What it costs to report attention mass.
#pragma once

namespace kvern::kernels::bench {

/// Prints the time of attention with mass over that without, prefill and decode, in turn within one run.
void bench_mass();

}  // namespace kvern::kernels::bench
