#include "check/device_memory.hpp"

#include <sys/mman.h>

#include <cstring>
#include <new>

namespace kvern::conformance {
namespace {

constexpr int64_t kPool = int64_t{1} << 34, kPage = 4096;  // addresses only; pages come as they are taken

}  // namespace

DeviceMemory::DeviceMemory(std::vector<std::string> &violations) : violations_(violations) {
  void *pool = mmap(nullptr, kPool, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pool == MAP_FAILED) throw std::bad_alloc();
  pool_ = static_cast<std::byte *>(pool);
}

DeviceMemory::~DeviceMemory() { munmap(pool_, kPool); }

int64_t DeviceMemory::pages(int64_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

std::byte *DeviceMemory::take(int64_t bytes, DLDeviceType place) {
  const Piece piece{pool_ + used_, bytes, place, true, place == kDLCUDAHost};
  used_ += pages(bytes) + kPage;  // a closed page behind each piece
  if (used_ > kPool) throw std::bad_alloc();
  protect(piece, true);
  std::memset(piece.begin, 0xFF, static_cast<std::size_t>(bytes));
  if (place != kDLCUDAHost) protect(piece, false);
  pieces_.emplace(piece.begin, piece);
  return piece.begin;
}

void DeviceMemory::give_back(std::byte *address) {
  const auto found = pieces_.find(address);
  if (found == pieces_.end() || !found->second.live) {
    violations_.emplace_back("memory of the device is given back twice");
    return;
  }
  found->second.live = false;
  madvise(address, static_cast<std::size_t>(pages(found->second.bytes)), MADV_DONTNEED);
  protect(found->second, false);
}

const DeviceMemory::Piece *DeviceMemory::find(const std::byte *address) const {
  if (address < pool_ || address >= pool_ + kPool) return nullptr;
  auto after = pieces_.upper_bound(address);
  return after == pieces_.begin() ? nullptr : &(--after)->second;
}

DLDeviceType DeviceMemory::place(const std::byte *address) const {
  const Piece *piece = find(address);
  return piece ? piece->place : kDLCPU;
}

bool DeviceMemory::open(const std::byte *begin, const std::byte *end, const char *what) {
  const Piece *piece = find(begin);
  if (!piece || begin == end) return true;
  if (!piece->live) violations_.push_back(std::string(what) + " uses memory that was given back");
  if (!piece->arrived)
    violations_.push_back(std::string(what) +
                          " uses memory on a stream that does not wait for its allocation");
  const bool inside = end <= piece->begin + piece->bytes;
  if (!inside) violations_.push_back(std::string(what) + " goes beyond the end of a buffer");
  if (!inside || !piece->live) return false;
  if (piece->place == kDLCUDAHost) return true;
  protect(*piece, true);
  opened_.push_back(*piece);
  return true;
}

void DeviceMemory::close() {
  for (const Piece &piece : opened_) protect(piece, false);
  opened_.clear();
}

void DeviceMemory::protect(const Piece &piece, bool open) {
  mprotect(piece.begin, static_cast<std::size_t>(pages(piece.bytes)),
           open ? PROT_READ | PROT_WRITE : PROT_NONE);
}

}  // namespace kvern::conformance
