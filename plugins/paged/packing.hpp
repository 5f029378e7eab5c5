// Packed blocks: keys and values of a full block at a few bits, in the layout of the packed attention kernels.
#pragma once
#include <kvern/abi/parallel.h>
#include <kvern/sdk/block_packing.hpp>
#include <vector>

#include "kernels/dtype.hpp"
#include "kernels/parallel.hpp"
#include "plugins/paged/settings.hpp"

namespace kvern::paged {

class Packing final : public sdk::BlockPacking {
 public:
  /// Throws sdk::Failure: UNSUPPORTED for keys that kernels do not compute with or on another device than the CPU.
  Packing(const sdk::Create &create, const Settings &settings);

  int64_t bytes(int part) const override;
  void pack(int part, std::span<const Task> tasks) const override;
  void unpack(int part, const std::byte *from, int64_t slot, int64_t count, const sdk::Block &k,
              const sdk::Block *v) const override;
  bool equals(const sdk::BlockPacking &other) const override;

  const quant::BlockFormat &format(int part) const { return parts_[static_cast<std::size_t>(part)].format; }
  /// Bytes from head to head of a packed block.
  int64_t head_stride(int part) const { return units(part) * format(part).bytes; }

 private:
  struct Part {
    quant::BlockFormat format;
    int64_t heads;
  };

  /// The kernels' blocks in one of the cache's.
  int64_t units(int part) const { return settings_.block_size / format(part).tokens; }

  Settings settings_;
  kernels::Dtype type_;
  const kvern_parallel_1 *parallel_;
  std::vector<Part> parts_;  // in the order of BlockLayout::parts
};

}  // namespace kvern::paged
