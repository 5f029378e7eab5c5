// The inverse of parse_safetensors, which checks what is written here before anyone sees it.
#include "runtime/files/write_safetensors.hpp"

#include <algorithm>
#include <fstream>
#include <kvern/error.hpp>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "runtime/support/printable.hpp"

namespace kvern::files {
namespace {

using NamedTensor = std::pair<const std::string, TensorView>;

std::vector<const NamedTensor *> in_file_order(const std::map<std::string, TensorView> &tensors) {
  std::vector<const NamedTensor *> order;
  for (const NamedTensor &item : tensors) order.push_back(&item);
  std::stable_sort(order.begin(), order.end(), [](const NamedTensor *a, const NamedTensor *b) {
    return item_size(a->second.dtype) > item_size(b->second.dtype);
  });
  return order;
}

// Entry by entry: an ordered object of the library searches all its keys for each new one.
std::string header_text(const std::vector<const NamedTensor *> &order,
                        const std::map<std::string, std::string> &metadata) {
  using nlohmann::ordered_json;
  std::string text = "{";
  if (!metadata.empty()) text += "\"__metadata__\":" + ordered_json(metadata).dump() + ",";
  size_t begin = 0;
  for (const NamedTensor *item : order) {
    const TensorView &view = item->second;
    const ordered_json entry = {{"dtype", dtype_name(view.dtype)},
                                {"shape", view.shape},
                                {"data_offsets", {begin, begin + view.bytes}}};
    text += ordered_json(item->first).dump() + ":" + entry.dump() + ",";
    begin += view.bytes;
  }
  if (text.back() == ',') text.pop_back();
  text += "}";
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

/// Tensor by tensor: a model may be larger than the memory that is left.
void write_to(std::ostream &out, const std::map<std::string, TensorView> &tensors,
              const std::map<std::string, std::string> &metadata) {
  const auto order = in_file_order(tensors);
  const std::string header = header_text(order, metadata);
  const uint64_t length = header.size();
  out.write(reinterpret_cast<const char *>(&length), sizeof length);
  out.write(header.data(), static_cast<std::streamsize>(header.size()));
  for (const NamedTensor *item : order)
    out.write(static_cast<const char *>(item->second.data), static_cast<std::streamsize>(item->second.bytes));
}

}  // namespace

std::string safetensors_bytes(const std::map<std::string, TensorView> &tensors,
                              const std::map<std::string, std::string> &metadata) {
  std::ostringstream stream;
  write_to(stream, tensors, metadata);
  std::string out = std::move(stream).str();
  parse_safetensors(reinterpret_cast<const std::byte *>(out.data()), out.size(), "the tensors to write");
  return out;
}

void write_safetensors(const std::filesystem::path &path, const std::map<std::string, TensorView> &tensors,
                       const std::map<std::string, std::string> &metadata) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  write_to(out, tensors, metadata);
  out.close();
  if (!out) throw Error(ErrorKind::output, printable(path.string(), 4096) + ": cannot be written");
  SafetensorsFile checked(path);
}

}  // namespace kvern::files
