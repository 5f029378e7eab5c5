// A whole cache from a class for one layer that keeps all tokens: KeyCache under the names that plugins written against kvern
// 1.0 use.
#pragma once
#include <kvern/sdk/key_cache.hpp>

KVERN_SDK_BEGIN

/// GrowthPolicy under its names in kvern 1.0.
struct SlotPolicy {
  int64_t capacity = -1;     ///< GrowthPolicy::capacity
  bool preallocate = false;  ///< GrowthPolicy::preallocate
  int64_t expected = 0;      ///< GrowthPolicy::expected_slots
  bool exact = false;        ///< GrowthPolicy::no_growth

  operator GrowthPolicy() const { return {capacity, preallocate, expected, exact}; }
};

template <SlotLayer L>
class SlotCache : public KeyCache<LayerStorage<L>, KeepAll> {
  using Base = KeyCache<LayerStorage<L>, KeepAll>;

 public:
  SlotCache(const Create &create, const SlotPolicy &policy) : Base(create, policy) {}

 protected:
  SlotCache(const SlotCache &) = default;

  L &part(int layer) { return this->storage().layer(layer); }
};

KVERN_SDK_END
