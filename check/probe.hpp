// A Subject for a plugin of which nothing is known: what it can hold and what it cannot, found out by trying.
#pragma once
#include <string>

#include "check/harness.hpp"

namespace kvern::conformance {

/// The rule of a Violation which says that no cache can be made.
constexpr const char *kRefused = "refused";

/// What the author of a cache says of it. Tables are borrowed.
struct SubjectOptions {
  std::vector<const kvern_option *> options;  ///< the cache's
  double tolerance = 0;      ///< of a key's element; 0 = that of float32, or of the smaller type
  int64_t first_tokens = 0;  ///< of the first step, beside those of the test
  bool many_kinds =
      false;  ///< layers that share keys and values that lie in keys too, where the cache holds them
  std::string host_build;
};

/// Plain data, so that one process finds it out for all.
struct Facts {
  int layout = -1;    ///< index of the layers below
  bool half = false;  ///< bfloat16: the cache takes no float32
  bool recompute = false, ragged = true, row_cross = false, device = false, composite = false;
  bool keeps_all = true;    ///< of the tokens that queries may see
  bool many_kinds = false;  ///< holds the layers of SubjectOptions::many_kinds
};

/// Tries the plugin. Throws Violation with the cache's own words if it holds none of the layers that are tried.
Facts find_facts(const kvern_plugin &plugin, const SubjectOptions &options);
Subject subject_of(const Facts &facts, const kvern_plugin &plugin, const std::string &library,
                   const SubjectOptions &options);
/// Both, with the plugin of a library.
Subject open_subject(const std::string &library, const SubjectOptions &options = {});

/// "attention, attention (window 6), attention; float32; keeps every token"
std::string text_of(const Facts &facts);

/// To a line and back.
std::string pack(const Facts &facts);
Facts unpack_facts(const std::string &line);

}  // namespace kvern::conformance
