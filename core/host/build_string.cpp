// The build string "torch=2.11.0;cxx11abi=1" of a plugin that uses LibTorch, against the host's own.
#include "core/host/build_string.hpp"

#include <kvern/plugin_registry.hpp>

#include <algorithm>
#include <mutex>
#include <vector>

namespace kvern {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

Fields fields_of(std::string_view build) {
  Fields fields;
  while (!build.empty()) {
    const size_t end = std::min(build.find(';'), build.size());
    const std::string_view field = build.substr(0, end);
    const size_t equals = std::min(field.find('='), field.size());
    fields.emplace_back(field.substr(0, equals), field.substr(equals));
    build.remove_prefix(std::min(end + 1, build.size()));
  }
  return fields;
}

const std::string *find_field(const Fields &fields, const std::string &key) {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const auto &f) { return f.first == key; });
  return found == fields.end() ? nullptr : &found->second;
}

struct OwnBuild {
  std::mutex mutex;
  std::string text =
      std::string("torch=") + KVERN_LIBTORCH_VERSION + ";cxx11abi=" + std::to_string(_GLIBCXX_USE_CXX11_ABI);
};

OwnBuild &own_build() {
  static OwnBuild &instance = *new OwnBuild;
  return instance;
}

}  // namespace

std::string host_build() {
  const std::lock_guard lock(own_build().mutex);
  return own_build().text;
}

void set_host_build(const std::string &build) {
  const std::lock_guard lock(own_build().mutex);
  own_build().text = build;
}

std::string build_difference(const std::string &build, const std::string &host) {
  if (build.empty() || build == host) return "";
  const Fields theirs = fields_of(build), ours = fields_of(host);
  for (const auto &[key, value] : ours) {
    const std::string *found = find_field(theirs, key);
    if (!found) return "no " + key + ", the host has " + key + value;
    if (*found != value) return key + *found + ", the host has " + key + value;
  }
  for (const auto &[key, value] : theirs)
    if (!find_field(ours, key)) return key + value + ", the host has no " + key;
  return "'" + build + "', the host has '" + host + "'";
}

}  // namespace kvern
