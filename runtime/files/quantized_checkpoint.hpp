// Checkpoints whose weights are quantized (AWQ, GPTQ, MLX, bitsandbytes, FP8 ...): kvern reads none of them, and says so.
#pragma once
#include <map>
#include <string>

#include "runtime/files/json.hpp"
#include "runtime/files/safetensors.hpp"

namespace kvern::files {

/// Throws Error(model) where config.json has a `quantization_config`, or the `quantization` of MLX.
void refuse_quantized_config(const JsonObject &config);

/// What a message about quantized weights says is right: "; kvern reads ...".
std::string unquantized_advice();

/// The method that these tensors are of, as "GPTQ (tensor 'x.qweight')", by their names and dtypes; "" where none is
/// known. A hint for a message about a tensor that is missing or of a wrong dtype: tensors that no family reads may have
/// any name.
std::string quantization_method(const std::map<std::string, TensorEntry> &tensors);

}  // namespace kvern::files
