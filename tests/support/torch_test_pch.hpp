// The precompiled header of tests that use LibTorch, most of which compute with tensors.
#pragma once
#include "core/torch/torch.hpp"
#include "tests/support/test.hpp"
