// What a folder must be to hold a model, and what to say where it does not.
#pragma once
#include <filesystem>

namespace kvern::files {

/// Throws Error(model) unless `folder` is a directory that can be listed: absent, a file, or unreadable.
void require_model_folder(const std::filesystem::path &folder);

/// Throws Error(model) for a folder without config.json: the snapshot where it is a folder of the Hugging Face cache
/// above one, the subfolder that has one, or what refuse_without_safetensors says of weights in other formats.
[[noreturn]] void refuse_without_config(const std::filesystem::path &folder);

/// Throws Error(model) for a folder without safetensors: names what it holds instead (pytorch_model.bin,
/// *.gguf, consolidated.*.pth, tokenizer.model ...) and the command that converts it.
[[noreturn]] void refuse_without_safetensors(const std::filesystem::path &folder);

}  // namespace kvern::files
