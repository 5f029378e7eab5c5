// The one way in which kvern includes LibTorch: tensors and the operators that are used, each by its own
// header, which compiles several times faster than ATen/ATen.h. Needs one more operator? Add its header here.
#pragma once
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/Parallel.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>
