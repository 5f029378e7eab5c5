// The host extension "kvern.device/1" of a device.
#pragma once
#include <kvern/abi/device.h>

#include "devices/cuda/tensor_moves.hpp"

namespace kvern::device {

/// Neither copied nor moved: the table points here.
class DeviceTable {
 public:
  explicit DeviceTable(Driver &driver);
  DeviceTable(const DeviceTable &) = delete;
  const kvern_device_1 *table() const { return &table_; }
  Driver &driver() const { return driver_; }
  const TensorMoves &moves() const { return moves_; }
  void *transfer_stream(int which) const { return side_streams_[which]; }

 private:
  Driver &driver_;
  TensorMoves moves_;
  void *side_streams_[2];  // KVERN_STREAM_*
  kvern_device_1 table_{};
};

}  // namespace kvern::device
