// How much the inputs of a model's matrices are worth, from a text that the model reads.
#pragma once
#include <filesystem>
#include <functional>

#include "runtime/models/weight_reader.hpp"
#include "runtime/run/text_windows.hpp"

namespace kvern {

/// Loads `folder`, whose weights are not quantized, and lets it read the windows, one after the other; an encoder of text reads them, too.
/// Throws Error(model) for a quantized folder and for an encoder of sound, and what loading and feeding throw.
models::Importance measure_importance(
    const std::filesystem::path &folder, const std::vector<Ids> &windows,
    const std::function<void(int64_t done, int64_t total)> &on_progress = {});

/// Windows of the text in the file's order, as the folder's tokenizer reads it (text_windows). Throws what that and Tokenizer::load throw,
/// and Error(input) where a window is longer than the model reads.
std::vector<Ids> calibration_windows(const std::filesystem::path &folder, const std::string &text,
                                     int64_t context, int64_t at_most);

}  // namespace kvern
