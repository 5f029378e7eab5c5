// The precompiled header of targets that use LibTorch: tensors, without their operators (torch.hpp).
#pragma once
#include <ATen/core/Tensor.h>
