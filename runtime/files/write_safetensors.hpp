// Writes a safetensors file.
#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "runtime/files/safetensors.hpp"

namespace kvern::files {

/// The bytes of the file as the format's own writer lays it out: largest item size first, header padded so
/// that every tensor is aligned. Of each view `dtype`, `shape`, `data` and `bytes` are used. Throws
/// Error(model) where `bytes` is not the product of the shape.
std::string safetensors_bytes(const std::map<std::string, TensorView> &tensors,
                              const std::map<std::string, std::string> &metadata = {});

/// Writes them, without a copy in memory; throws Error(output) where that fails, and what safetensors_bytes throws.
void write_safetensors(const std::filesystem::path &path, const std::map<std::string, TensorView> &tensors,
                       const std::map<std::string, std::string> &metadata = {});

}  // namespace kvern::files
