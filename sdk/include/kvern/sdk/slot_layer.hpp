// What a class for one layer's keys, stored by slot, must have and may have. DenseLayer has all of it.
#pragma once
#include <concepts>
#include <kvern/sdk/dense_layer.hpp>

KVERN_SDK_BEGIN

///   explicit L(const LayerCreate &)
///   resize(wanted, used)   reallocates to wanted.rows x wanted.slots and keeps the first used.rows x used.slots; no effect if
///                          it throws. The only place that allocates
///   store(slot, k, v)      writes k and v [B, H, n, D] to slots slot .. slot + n - 1 (v is nullptr for VALUES_IN_KEYS); cannot
///                          fail but where memory really moves
///   read(used, ...)        exports keys and values of the first used.rows x used.slots
///   bytes()                allocated bytes
template <class L>
concept SlotLayer = std::constructible_from<L, const LayerCreate &> &&
    requires(L &l, const L &c, Extent extent, int64_t n, const DLTensor *t, OutTensor &desc, DLTensor *out) {
  l.resize(extent, extent);
  l.store(n, *t, t);
  l.read(extent, desc, out, desc, out);
  { c.bytes() } -> std::convertible_to<int64_t>;
};

// The verbs of a cache that follow from further methods.
template <class L>  // rows of different lengths, late imports: makes masked slots finite
concept ClearsSlots = requires(L &l, int64_t n) {
  l.clear(n, n, n);
};
template <class L>  // gather: row i becomes what row rows[i] was; cannot fail
concept GathersRows = requires(L &l, std::span<const int64_t> rows, int64_t n,
                               std::vector<std::byte> &scratch) {
  l.gather(rows, n, scratch);
};
template <class L>  // append: copies another layer's rows below its own
concept AppendsRows = requires(L &l, const L &other, Extent used, int64_t n) {
  l.shift(used, n);
  l.append(n, n, other, used);
};
template <class L>
concept HasCopy = requires(const L &l, Extent used) {
  { l.copy(used) } -> std::same_as<L>;
};
template <class L>  // clone: by copy(used), or by a constructor L(other, used)
concept CopiesRows = HasCopy<L> || std::constructible_from<L, const L &, const Extent &>;
template <CopiesRows L>
L copy_of(const L &layer, const Extent &used) {
  if constexpr (HasCopy<L>) {
    return layer.copy(used);
  } else {
    return L(layer, used);
  }
}
template <class L>  // save and load: slots begin .. end - 1
concept StreamsSlots = requires(L &l, const L &c, Writer &out, Reader &in, int64_t n) {
  c.save(out, n, n, n);
  l.load(in, n, n, n);
};
template <class L>  // retentions that drop tokens: slots begin + count and later move left by count
concept DropsSlots = requires(L &l, Extent used, int64_t n) {
  l.drop(used, n, n);
};

KVERN_SDK_END
