// A retention says which tokens a KeyCache keeps.
//
//   static constexpr bool drops            tokens are dropped; the rest only where this is true
//   int64_t limit() const                  slots between steps that rows of one length need, slack included
//   SlotRange droppable(const Slots &)     slots that no later query sees, to be dropped when a step has ended; count 0: none
//   int64_t first_visible(const Slots &)   leading slots that no query of the next step sees
//   int64_t rollback(const Slots &)        kvern_info.rollback
//   bool operator==                        layers with equal retentions share their slots
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
