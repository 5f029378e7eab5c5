// What the matrix is made of: every cache plugin that is built, and one small model of every family under tests/reference.
#pragma once
#include <cstdint>
#include <filesystem>
#include <kvern/options.hpp>
#include <string>
#include <vector>

namespace kvern::matrix {

struct CacheSubject {
  std::string name;
  OptionTable options;
  double bound = 0;  ///< mean KL divergence from the uncached model that is accepted; 0: the same tokens
  bool may_refuse = false;  ///< not every model, nor every verb
};

struct FamilySubject {
  std::string name;  ///< model_type
  std::filesystem::path folder;
  int64_t encoder_size = 0;  ///< d_model, of what an encoder gives; 0: config.json has none
};

/// By name. Options, bounds and refusals are those of caches.toml beside this file; a cache that is not listed there owes the
/// same tokens, refuses nothing, and has its default options.
std::vector<CacheSubject> caches(const std::filesystem::path &plugins);

/// By name; of several folders of a family the one with the shortest name.
std::vector<FamilySubject> families();

}  // namespace kvern::matrix
