// Checkpoints whose weights are quantized: kvern's own, GPTQ and AWQ are read; of all others (MLX, bitsandbytes, FP8 ...) a message
// says what they are.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "runtime/files/json.hpp"
#include "runtime/files/safetensors.hpp"

namespace kvern::files {

enum class QuantizationMethod { none, kvern, gptq, awq };

/// Of kvern's own folders, `format` in their quantization_config: 1 (or none) has no zeros of groups, 2 has; from 3 on the table of token
/// embeddings may be packed, too, or be the packed head.
inline constexpr int64_t kPackedFormat = 3;

/// What config.json says of the weights.
struct Quantization {
  QuantizationMethod method = QuantizationMethod::none;
  int64_t bits = 0;
  int64_t group_size = 0;  ///< of GPTQ and AWQ: inputs with one scale; -1: all inputs
  std::string dtype;  ///< of kvern's own folders: the name of the type that the weights had; empty: not said
  bool zeros_less_one = false;  ///< GPTQ's first format: a stored zero is one less than the code of zero

  explicit operator bool() const { return method != QuantizationMethod::none; }
  /// "'gptq', 4 bits"
  std::string text() const;
};

/// The `quantization_config` of config.json. Throws Error(model) for a method, bits or a variant that is not read, and for the
/// `quantization` of MLX.
Quantization read_quantization(const JsonObject &config);

/// What a message about quantized weights says is right: "; kvern reads ...".
std::string unquantized_advice();

/// The method that these tensors are of, as "GPTQ (tensor 'x.qweight')", by their names and dtypes; "" where none is
/// known. A hint for a message about a tensor that is missing or of a wrong dtype: tensors that no family reads may have
/// any name.
std::string quantization_method(const std::map<std::string, TensorEntry> &tensors);

}  // namespace kvern::files
