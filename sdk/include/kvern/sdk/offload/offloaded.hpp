// The memory of a cache class of this library in pinned host memory: Offloaded<Mine> is a cache class, too.
#pragma once
#include <kvern/sdk/offload/offloading.hpp>

KVERN_SDK_BEGIN

/// Has the name and the options of C.
template <class C>
class Offloaded : public Offloading<Offloaded<C>> {
 public:
  using inner_class = C;
  static constexpr const char *name = C::name, *version = C::version, *summary = C::summary;

  explicit Offloaded(const Create &create) : Offloading<Offloaded<C>>(create) {}

 private:
  friend class Offloading<Offloaded<C>>;
  Offloaded(const Offloaded &) = default;
};

KVERN_SDK_END
