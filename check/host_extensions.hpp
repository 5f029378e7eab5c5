// The host extensions that a TestHost offers: rotation and attention of the test's model in scalar loops, threads that are none.
#pragma once
#include "check/test_host.hpp"

namespace kvern::conformance {

/// rope/1 and attention/1; on a simulated device they are work of the stream that they are given. Rotation is that of the layers of
/// the cache that was made last.
void offer_model_extensions(TestHost &host);

/// rope/1 and attention/1 that compute nothing, in place of these: what a cache does beside them can be timed.
void offer_idle_extensions(TestHost &host);

/// parallel/1: one thread that runs the ranges from the last to the first.
void offer_threads(TestHost &host);

/// All of these and compose/1.
void offer_extensions(TestHost &host);

}  // namespace kvern::conformance
