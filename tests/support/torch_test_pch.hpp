// The precompiled header of tests that use LibTorch.
#pragma once
#include <ATen/core/Tensor.h>

#include "tests/support/test.hpp"
