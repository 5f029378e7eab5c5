// The size of per-layer key storage, and what the constructor of a layer class receives.
#pragma once
#include <kvern/sdk/create.hpp>

KVERN_SDK_BEGIN

/// Rows (batch) x slots (columns of the cache).
struct Extent {
  int64_t rows = 0, slots = 0;

  bool empty() const { return rows == 0 || slots == 0; }
  bool operator==(const Extent &) const = default;
};

/// The name that plugins written against kvern 1.0 use.
using Room = Extent;

/// Argument of a layer class's constructor; valid as long as Create.
struct LayerCreate {
  const Create &create;
  int number;
  const Layer &layer;
};

KVERN_SDK_END
