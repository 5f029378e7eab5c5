#include "runtime/run/prefix_store.hpp"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <kvern/error.hpp>
#include <nlohmann/json.hpp>

#include "runtime/run/saved_file.hpp"
#include "runtime/support/block_sum.hpp"
#include "runtime/support/printable.hpp"

namespace kvern {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char *kExtension = ".kvprefix";

bool has_name_of_ours(const fs::path &file) { return file.extension() == kExtension; }
bool is_left_over(const fs::path &file) {
  return file.filename().string().find(std::string(kExtension) + ".new-") != std::string::npos;
}

std::string hex(uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

std::string header_of(const PrefixKey &key, const PrefixEntry &entry) {
  Json parts = Json::array();
  for (const auto &[name, value] : key.parts()) parts.push_back({name, value});
  return Json{
      {"key", parts},         {"tokens", entry.tokens}, {"created", static_cast<int64_t>(std::time(nullptr))},
      {"model", entry.model}, {"cache", entry.cache},   {"text", entry.text}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

PrefixKey key_of(const std::string &header) {
  PrefixKey key;
  const Json json = Json::parse(header, nullptr, false);
  if (!json.is_object() || !json.contains("key")) return key;
  for (const Json &part : json["key"])
    if (part.is_array() && part.size() == 2 && part[0].is_string() && part[1].is_string())
      key.add(part[0].get<std::string>(), part[1].get<std::string>());
  return key;
}

PrefixEntry describe(const fs::path &file) {
  PrefixEntry entry;
  entry.name = file.stem().string();
  std::error_code ignored;
  entry.bytes = static_cast<int64_t>(fs::file_size(file, ignored));
  try {
    const SavedFileReader reader(file);
    const Json json = Json::parse(reader.header(), nullptr, false);
    if (!json.is_object()) throw Error(ErrorKind::input, "its header is of another version");
    entry.tokens = json.value("tokens", int64_t{0});
    entry.created = json.value("created", int64_t{0});
    entry.model = json.value("model", "");
    entry.cache = json.value("cache", "");
    entry.text = json.value("text", "");
  } catch (const std::exception &e) {
    entry.damage = e.what();
  }
  return entry;
}

}  // namespace

fs::path default_prefix_folder() {
  const auto given = [](const char *name) {
    const char *value = std::getenv(name);
    return value != nullptr && *value == '/' ? fs::path(value) : fs::path();
  };
  if (const fs::path cache = given("XDG_CACHE_HOME"); !cache.empty()) return cache / "kvern" / "prefixes";
  if (const fs::path home = given("HOME"); !home.empty()) return home / ".cache" / "kvern" / "prefixes";
  throw Error(ErrorKind::config,
              "prefix.folder: neither it nor XDG_CACHE_HOME or HOME says where prefixes are kept; give "
              "--prefix-folder");
}

// ---- the key

std::string PrefixKey::name() const {
  std::string all;
  for (const auto &[name, value] : parts_) all += name + '\0' + value + '\0';
  const auto *bytes = reinterpret_cast<const std::byte *>(all.data());
  return hex(block_sum(bytes, all.size(), 1)) + hex(block_sum(bytes, all.size(), 2));
}

std::string PrefixKey::difference(const PrefixKey &found) const {
  for (size_t i = 0; i < parts_.size(); ++i) {
    const auto &[name, value] = parts_[i];
    const bool there = i < found.parts_.size() && found.parts_[i].first == name;
    if (!there) return name + ": missing";
    if (found.parts_[i].second != value)
      return name + ": " + printable(found.parts_[i].second) + ", needed is " + printable(value);
  }
  return found.parts_.size() == parts_.size() ? "" : found.parts_[parts_.size()].first + ": not expected";
}

// ---- files

fs::path PrefixStore::file_of(const PrefixKey &key) const { return folder_ / (key.name() + kExtension); }

PrefixStore::Found PrefixStore::restore(const PrefixKey &key, Cache &cache, std::string &why) const {
  const fs::path file = file_of(key);
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return Found::absent;
  try {
    SavedFileReader reader(file);
    if (const auto other = key.difference(key_of(reader.header())); !other.empty())
      throw Error(ErrorKind::input, file.string() + ": it is of another " + other);
    cache.load(reader.stream());
    reader.check();
    return Found::restored;
  } catch (const CacheError &e) {
    if (cache.lost() || e.kind() == ErrorKind::out_of_memory) throw;
    why = printable(file.string(), 400) + ": " + e.what();
  } catch (const Error &e) {
    why = e.what();
  }
  cache.reset();
  return Found::unusable;
}

int64_t PrefixStore::keep(const PrefixKey &key, const Cache &cache, const PrefixEntry &entry) const {
  std::error_code failed;
  fs::create_directories(folder_, failed);
  if (failed) throw Error(ErrorKind::output, printable(folder_.string(), 400) + ": " + failed.message());
  const fs::path file = file_of(key);
  SavedFileWriter writer(file, header_of(key, entry));
  try {
    cache.save(writer.stream());
  } catch (const CacheError &) {
    writer.check();  // a disk that is full says more than a stream that has ended
    throw;
  }
  writer.commit();
  return static_cast<int64_t>(fs::file_size(file, failed));
}

std::vector<PrefixEntry> PrefixStore::list() const {
  std::vector<PrefixEntry> entries;
  std::error_code ignored;
  for (const auto &entry : fs::directory_iterator(folder_, ignored))
    if (has_name_of_ours(entry.path())) entries.push_back(describe(entry.path()));
  std::sort(entries.begin(), entries.end(), [](const PrefixEntry &a, const PrefixEntry &b) {
    return std::pair(-a.created, a.name) < std::pair(-b.created, b.name);
  });
  return entries;
}

PrefixEntry PrefixStore::drop(const std::string &name) const {
  std::vector<PrefixEntry> fitting;
  for (PrefixEntry &entry : list())
    if (!name.empty() && entry.name.starts_with(name)) fitting.push_back(std::move(entry));
  if (fitting.size() != 1)
    throw Error(ErrorKind::usage, "prefix drop " + printable(name) + ": " +
                                      (fitting.empty() ? "there is none of that name; see kvern prefix list"
                                                       : std::to_string(fitting.size()) +
                                                             " begin like that; give more of the name"));
  std::error_code failed;
  fs::remove(folder_ / (fitting.front().name + kExtension), failed);
  if (failed) throw Error(ErrorKind::output, fitting.front().name + ": " + failed.message());
  return fitting.front();
}

int64_t PrefixStore::drop_all() const {
  int64_t count = 0;
  std::error_code failed;
  std::vector<fs::path> files;
  for (const auto &entry : fs::directory_iterator(folder_, failed))
    if (has_name_of_ours(entry.path()) || is_left_over(entry.path())) files.push_back(entry.path());
  for (const fs::path &file : files) {
    count += has_name_of_ours(file);
    if (!fs::remove(file, failed) && failed)
      throw Error(ErrorKind::output, printable(file.string(), 400) + ": " + failed.message());
  }
  return count;
}

}  // namespace kvern
