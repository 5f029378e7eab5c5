#include "devices/find_device.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <kvern/error.hpp>
#include <map>
#include <mutex>

#include "devices/cpu/cpu_queue.hpp"
#include "devices/device_library.hpp"
#include "devices/program_folder.hpp"

namespace kvern {
namespace fs = std::filesystem;
namespace {

/// "cuda:1" is number 1 of "cuda", as "cuda" is number 0.
struct DeviceName {
  std::string kind;
  int number = 0;
};

DeviceName parse(const std::string &name) {
  const size_t colon = name.find(':');
  DeviceName parsed{name.substr(0, colon), 0};
  if (colon == name.npos) return parsed;
  const char *begin = name.data() + colon + 1, *end = name.data() + name.size();
  const auto read = std::from_chars(begin, end, parsed.number);
  if (read.ec != std::errc() || read.ptr != end || parsed.number < 0)
    throw Error(ErrorKind::config,
                "device '" + name + "': a number should follow the ':', as in '" + parsed.kind + ":0'");
  return parsed;
}

fs::path library_of(const std::string &kind) {
  for (const fs::path &folder : program_libraries("devices")) {
    fs::path path = folder / ("libkvern_" + kind + ".so");
    std::error_code failed;
    if (fs::exists(path, failed)) return path;
  }
  return {};
}

[[noreturn]] void refuse_device(const std::string &name, const std::string &why) {
  throw Error(ErrorKind::config, "device '" + name + "': " + why);
}

void check_name(const std::string &name, const DeviceName &parsed) {
  const std::vector<std::string> known = device_names();
  if (parsed.kind == "cuda" || std::find(known.begin(), known.end(), parsed.kind) != known.end()) return;
  std::vector<std::string> candidates = known;
  if (std::find(known.begin(), known.end(), "cuda") == known.end()) candidates.emplace_back("cuda");
  std::string names;
  for (const std::string &candidate : candidates) names += (names.empty() ? "" : ", ") + candidate;
  refuse_device(name,
                "there is no such device" + did_you_mean(parsed.kind, candidates) + " Devices are: " + names);
}

Queue &open(const std::string &name, const DeviceName &parsed) {
  const fs::path path = library_of(parsed.kind);
  if (path.empty())
    refuse_device(name, "kvern was built without a CUDA compiler, so it has no libkvern_" + parsed.kind +
                            ".so; see docs/devices.md");
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) refuse_device(name, std::string("its library cannot be loaded: ") + dlerror());
  const auto entry = reinterpret_cast<OpenDevice>(dlsym(library, KVERN_OPEN_DEVICE));
  if (!entry) refuse_device(name, path.string() + " is no library of a device");
  std::array<char, 512> why{};
  Queue *queue = entry(parsed.number, device_build().c_str(), why.data(), why.size());
  if (!queue) refuse_device(name, why.data());
  return *queue;
}

}  // namespace

std::vector<std::string> device_names() {
  std::vector<std::string> names = {"cpu"};
  for (const std::string &kind : {std::string("cuda"), std::string("emulated")})
    if (!library_of(kind).empty()) names.push_back(kind);
  return names;
}

Queue &find_device(const std::string &name) {
  const DeviceName parsed = parse(name);
  if (name == "cpu") return cpu_queue();
  check_name(name, parsed);
  if (parsed.kind == "cpu") refuse_device(name, "there is one CPU, whose name is 'cpu'");
  static std::mutex &mutex = *new std::mutex;
  static auto &opened = *new std::map<std::string, Queue *>;
  const std::lock_guard lock(mutex);
  Queue *&queue = opened[parsed.kind + ":" + std::to_string(parsed.number)];
  if (!queue) queue = &open(name, parsed);
  return *queue;
}

}  // namespace kvern
