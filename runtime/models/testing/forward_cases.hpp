// The `forward` cases of the reference folders: ids, padding, and the logits that transformers gives.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "core/torch/torch.hpp"

namespace kvern::testing {

struct ForwardCase {
  std::string id;
  std::filesystem::path model;
  std::vector<std::vector<int64_t>> ids;  // [B][T]
  std::vector<int64_t> padding;           // [B] columns on the left that are no tokens
  at::Tensor logits;                      // [B, T, V], not to be compared at padding
  double atol = 0, rtol = 0;
};

/// This repository's own, and those of every folder in KVERN_REFERENCE_DIRS (separated by ':').
std::vector<std::filesystem::path> reference_folders();
std::vector<ForwardCase> forward_cases();

/// The project's own folder.
std::filesystem::path source_folder();

/// The folder of one of this repository's reference models.
std::filesystem::path reference_model(const std::string &name);

}  // namespace kvern::testing
