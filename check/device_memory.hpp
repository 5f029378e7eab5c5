// The memory of a simulated device: pages that the CPU cannot touch but while work of the device runs, and pinned memory.
#pragma once
#include <dlpack/dlpack.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace kvern::conformance {

/// Addresses are never used twice, so that what is given back stays recognisable.
class DeviceMemory {
 public:
  /// What is done that must not be is written to `violations`.
  explicit DeviceMemory(std::vector<std::string> &violations);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory &) = delete;

  /// Not a number everywhere. place: kDLCUDA or kDLCUDAHost. Nothing may use it before `arrive`.
  std::byte *take(int64_t bytes, DLDeviceType place);
  void arrive(const std::byte *address) { pieces_.at(address).arrived = true; }
  /// From now on it is not a number and nothing may use it.
  void give_back(std::byte *address);

  /// kDLCUDA, kDLCUDAHost, or kDLCPU for memory that is not of this device.
  DLDeviceType place(const std::byte *address) const;
  /// Opens [begin, end) to the CPU, or reports that it does not lie in one piece of memory that is there. Pinned and plain memory
  /// is always open.
  bool open(const std::byte *begin, const std::byte *end, const char *what);
  /// Closes what was opened.
  void close();

 private:
  struct Piece {
    std::byte *begin;
    int64_t bytes;
    DLDeviceType place;
    bool live, arrived;
  };
  const Piece *find(const std::byte *address) const;
  void protect(const Piece &piece, bool open);
  static int64_t pages(int64_t bytes);

  std::vector<std::string> &violations_;
  std::byte *pool_;
  int64_t used_ = 0;
  std::map<const std::byte *, Piece> pieces_;  // by begin
  std::vector<Piece> opened_;
};

}  // namespace kvern::conformance
