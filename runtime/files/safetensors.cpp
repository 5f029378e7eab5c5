// A file is: the header's length as 8 little-endian bytes, the header (JSON), the tensors' bytes. Numbers of
// the file are trusted only after they were compared with the file's size.
#include "runtime/files/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <kvern/error.hpp>
#include <nlohmann/json.hpp>

#include "runtime/files/json.hpp"
#include "runtime/files/quantized_checkpoint.hpp"
#include "runtime/files/shape_text.hpp"
#include "runtime/support/printable.hpp"

namespace kvern::files {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "the files are little-endian and used in place");

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeader = 100'000'000;
constexpr std::string_view kLfsPointer = "version https://git-lfs";

[[noreturn]] void refuse(const std::string &place, const std::string &why) {
  throw Error(ErrorKind::model, place + ": " + why);
}

[[noreturn]] void refuse_tensor(const std::string &place, const std::string &name, const std::string &why) {
  refuse(place, "tensor " + in_quotes(name) + ": " + why);
}

std::string n_bytes(uint64_t n) { return std::to_string(n) + (n == 1 ? " byte" : " bytes"); }

uint64_t header_length(const std::byte *data, size_t size, const std::string &place) {
  if (size == 0) refuse(place, "is empty; a safetensors file begins with its header's length");
  const std::string_view text(reinterpret_cast<const char *>(data), size);
  if (text.substr(0, kLfsPointer.size()) == kLfsPointer) {
    refuse(place, "is a Git LFS pointer, not the weights; fetch them with 'git lfs pull' in that folder");
  }
  if (size < kLengthBytes) {
    refuse(place, "is truncated: " + n_bytes(size) + ", but the header's length alone takes 8");
  }
  uint64_t length;
  std::memcpy(&length, data, sizeof length);
  if (length > kMaxHeader) {
    refuse(place, "is no safetensors file: it claims a header of " + n_bytes(length) + "; at most " +
                      std::to_string(kMaxHeader) + " are allowed");
  }
  if (length > size - kLengthBytes) {
    refuse(place, "is truncated: the header should have " + n_bytes(length) + ", the file has " +
                      std::to_string(size - kLengthBytes) + " after its length");
  }
  if (length < 2 || text[kLengthBytes] != '{') {
    refuse(place, "is no safetensors file: the header should be a JSON object that begins with '{'");
  }
  return length;
}

// Elements times item size, or nothing where that does not fit 63 bits.
std::optional<uint64_t> byte_size(const TensorEntry &entry) {
  uint64_t bytes = item_size(entry.dtype);
  bool overflow = false, empty = false;
  for (const int64_t extent : entry.shape) {
    empty = empty || extent == 0;
    overflow = overflow || (extent != 0 && bytes > uint64_t{INT64_MAX} / static_cast<uint64_t>(extent));
    if (!overflow && extent != 0) bytes *= static_cast<uint64_t>(extent);
  }
  if (overflow) return std::nullopt;
  return empty ? 0 : bytes;
}

std::vector<int64_t> read_extents(const JsonObject &fields, const char *key, const std::string &place,
                                  const std::string &name) {
  const json &object = fields.raw();
  const auto found = object.find(key);
  const bool is_list = found != object.end() && found->is_array();
  const bool good =
      is_list && std::all_of(found->begin(), found->end(), [](const json &n) {
        return n.is_number_integer() &&
               (n.is_number_unsigned() ? n.get<uint64_t>() <= uint64_t{INT64_MAX} : n.get<int64_t>() >= 0);
      });
  if (!good) refuse_tensor(place, name, std::string("'") + key + "' must be a list of integers of 0 or more");
  return found->get<std::vector<int64_t>>();
}

TensorEntry read_entry(const JsonObject &fields, const std::string &place, const std::string &name) {
  for (const std::string &key : fields.keys()) {
    if (key != "dtype" && key != "shape" && key != "data_offsets") {
      refuse_tensor(place, name,
                    "unknown field " + in_quotes(key) + "; known are dtype, shape, data_offsets");
    }
  }
  TensorEntry entry;
  if (!fields.is_string("dtype"))
    refuse_tensor(place, name, "'dtype' must be a string, one of " + dtype_names());
  const std::string dtype = fields.string("dtype");
  const auto known = dtype_from_name(dtype);
  if (!known) {
    const bool narrow = dtype.rfind("F4", 0) == 0 || dtype.rfind("F6", 0) == 0 || dtype.rfind("F8", 0) == 0;
    refuse_tensor(place, name,
                  "dtype " + in_quotes(dtype) + " is unknown; known are " + dtype_names() +
                      (narrow ? "; the checkpoint is quantized" + unquantized_advice() : ""));
  }
  entry.dtype = *known;
  entry.shape = read_extents(fields, "shape", place, name);
  const auto offsets = read_extents(fields, "data_offsets", place, name);
  if (offsets.size() != 2) refuse_tensor(place, name, "'data_offsets' must be two integers, begin and end");
  entry.begin = static_cast<uint64_t>(offsets[0]);
  entry.end = static_cast<uint64_t>(offsets[1]);
  return entry;
}

void check_entry(const TensorEntry &entry, uint64_t data_bytes, const std::string &place,
                 const std::string &name) {
  const std::string range = std::to_string(entry.begin) + " to " + std::to_string(entry.end);
  if (entry.begin > entry.end) refuse_tensor(place, name, "its bytes " + range + " end before they begin");
  if (entry.end > data_bytes) {
    refuse_tensor(place, name,
                  "its bytes " + range + " lie outside the file, which holds " + n_bytes(data_bytes) +
                      " of tensors; the file is truncated or its header wrong");
  }
  const auto bytes = byte_size(entry);
  const std::string what = std::string(dtype_name(entry.dtype)) + " of shape " + shape_text(entry.shape);
  if (!bytes) refuse_tensor(place, name, what + " has more bytes than 64 bits can count");
  if (*bytes != entry.end - entry.begin) {
    refuse_tensor(place, name,
                  what + " takes " + n_bytes(*bytes) + ", its data_offsets hold " +
                      std::to_string(entry.end - entry.begin));
  }
}

// The format allows neither overlaps nor unused bytes.
void check_layout(const SafetensorsHeader &header, uint64_t data_bytes, const std::string &place) {
  using Item = std::pair<const std::string, TensorEntry>;
  std::vector<const Item *> order;
  for (const Item &item : header.tensors) order.push_back(&item);
  std::sort(order.begin(), order.end(), [](const Item *a, const Item *b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  const Item *before = nullptr;
  for (const Item *item : order) {
    const uint64_t free = before == nullptr ? 0 : before->second.end;
    if (item->second.begin < free) {
      refuse_tensor(place, item->first,
                    "overlaps " + in_quotes(before->first) + ": begins at " +
                        std::to_string(item->second.begin) + ", where bytes up to " + std::to_string(free) +
                        " are taken");
    }
    if (item->second.begin > free) {
      refuse_tensor(place, item->first,
                    "begins at " + std::to_string(item->second.begin) + " and leaves " +
                        n_bytes(item->second.begin - free) +
                        " before it unused; tensors must follow each other without gaps");
    }
    before = item;
  }
  const uint64_t used = before == nullptr ? 0 : before->second.end;
  if (used != data_bytes) {
    refuse(place, "has " + n_bytes(data_bytes - used) + " after the last tensor; the file should end there");
  }
}

std::map<std::string, std::string> read_metadata(const JsonObject &top) {
  std::map<std::string, std::string> metadata;
  const JsonObject fields = top.object("__metadata__");
  for (const std::string &key : fields.keys()) metadata[key] = fields.string(key);
  return metadata;
}

}  // namespace

SafetensorsHeader parse_safetensors(const std::byte *data, size_t size, const std::string &place) {
  const uint64_t length = header_length(data, size, place);
  const std::string_view text(reinterpret_cast<const char *>(data) + kLengthBytes, length);
  const JsonObject top = JsonObject::parse(text, place + ": header");
  SafetensorsHeader header;
  header.data_offset = kLengthBytes + length;
  const uint64_t data_bytes = size - header.data_offset;
  for (const std::string &name : top.keys()) {
    if (name == "__metadata__") {
      header.metadata = read_metadata(top);
      continue;
    }
    if (!top.is_object(name))
      refuse_tensor(place, name, "its entry must be an object with dtype, shape, data_offsets");
    TensorEntry entry = read_entry(top.object(name), place, name);
    check_entry(entry, data_bytes, place, name);
    header.tensors.emplace(name, std::move(entry));
  }
  check_layout(header, data_bytes, place);
  return header;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path &path)
    : file_(std::make_shared<const MappedFile>(path)),
      header_(parse_safetensors(file_->data(), file_->size(), printable(path.string(), 4096))) {}

TensorView SafetensorsFile::tensor(const std::string &name) const {
  const auto found = header_.tensors.find(name);
  if (found == header_.tensors.end()) {
    std::vector<std::string> names;
    for (const auto &[known, entry] : header_.tensors) names.push_back(known);
    refuse(printable(path().string(), 4096), "has no tensor " + in_quotes(name) + did_you_mean(name, names));
  }
  const TensorEntry &entry = found->second;
  TensorView view{entry.dtype, entry.shape, nullptr, entry.end - entry.begin, file_};
  view.data = file_->data() + header_.data_offset + entry.begin;
  const bool aligned = reinterpret_cast<uintptr_t>(view.data) % item_size(entry.dtype) == 0;
  if (!aligned && view.bytes != 0) {
    auto copy = std::make_shared<std::vector<std::max_align_t>>(view.bytes / sizeof(std::max_align_t) + 1);
    std::memcpy(copy->data(), view.data, view.bytes);
    view.data = copy->data();
    view.owner = std::move(copy);
  }
  return view;
}

}  // namespace kvern::files
