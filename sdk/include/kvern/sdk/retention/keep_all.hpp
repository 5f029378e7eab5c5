// A retention says which tokens a KeyCache keeps.
//
//   static constexpr bool drops            tokens are dropped; the rest only where this is true
//   int64_t limit(const Slots &, const Step &)
//                                          slots that rows of one length without holes need when the step has ended, slack included. What
//                                          droppable leaves must fit: memory is reserved for so many and the holes (Slots::holes)
//   SlotRange droppable(const Slots &)     slots that no later query sees, to be dropped when a step has ended; count 0: none
//   bool drops_ranges, void dropped(SlotRange)
//                                          optional: several ranges in one step, wherever they are; droppable is asked until there is
//                                          none, and each is told to `dropped`
//   int64_t first_visible(const Slots &)   leading slots that no query of the next step sees
//   int64_t rollback(const Slots &)        kvern_info.rollback
//   bool masks(const Slots &)              optional, with `sees`: some slots that are held are not visible
//   bool sees(position, query)             the query at this position or a later one sees the key
//   bool operator==                        layers with equal retentions share their slots
//   static R of(const Layer &)             optional: the retention of a layer for which none is chosen, else R()
#pragma once
#include <cstdint>
#include <kvern/sdk/namespace.hpp>

KVERN_SDK_BEGIN

/// All tokens, as transformers' DynamicCache.
struct KeepAll {
  static constexpr bool drops = false;
  bool operator==(const KeepAll &) const = default;
};

KVERN_SDK_END
