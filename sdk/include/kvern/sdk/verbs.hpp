// Which verbs a cache class has written. A class is never asked what it can do: the methods that exist say
// so.
#pragma once
#include <concepts>
#include <kvern/sdk/create.hpp>
#include <kvern/sdk/step.hpp>
#include <kvern/sdk/stream.hpp>
#include <memory>
#include <span>

KVERN_SDK_BEGIN

using Rows = std::span<const int64_t>;

/// The verbs that every cache has, and who it is:
///
///   static constexpr const char *name, *version, *summary;
///   explicit C(const Create &);
///   void begin(const Step &);                          all or nothing
///   void view(int layer, kvern_view &);                fields are zero on entry
///   void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v);
///   void end(int64_t n_keep);                          cannot fail
///   void reset();
///   void info(int layer, kvern_info &) const;          fields are zero on entry; layer -1: all
template <class C>
concept CacheClass = std::constructible_from<C, const Create &> &&
    requires(C &c, const C &constant, const Step &step, int layer, kvern_view &view, const DLTensor *in,
             DLTensor *out, int64_t n, kvern_info &info) {
  { C::name } -> std::convertible_to<const char *>;
  { C::version } -> std::convertible_to<const char *>;
  { C::summary } -> std::convertible_to<const char *>;
  c.begin(step);
  c.view(layer, view);
  c.update(layer, in, in, out, out);
  c.end(n);
  c.reset();
  constant.info(layer, info);
};

// The optional ones. A table entry is NULL where the method does not exist.
template <class C>
concept HasAttend = requires(C &c, const kvern_attend &request) {
  c.attend(request);
};
template <class C>
concept HasState = requires(C &c, int layer, int slot, DLTensor *out) {
  c.state(layer, slot, out, out);
};
template <class C>
concept HasGather = requires(C &c, Rows rows) {
  c.gather(rows);
};
template <class C>
concept HasAppend = requires(C &c, const C &from) {
  c.append(from);
};
template <class C>
concept HasTruncate = requires(C &c, Rows row_pos) {
  c.truncate(row_pos);
};
template <class C>
concept HasEndRows = requires(C &c, Rows row_keep) {
  c.end_rows(row_keep);
};
template <class C>
concept HasClone = requires(const C &c) {
  { c.clone() } -> std::same_as<std::unique_ptr<C>>;
};
template <class C>
concept HasSave = requires(const C &c, Writer &out) {
  c.save(out);
};
template <class C>
concept HasLoad = requires(C &c, Reader &in) {
  c.load(in);
};
template <class C>
concept HasExtension = requires(const C &c, const char *id) {
  { c.extension(id) } -> std::convertible_to<const void *>;
};

/// A decorator or composite has every method and offers those of its inner caches: it says so by instance.
enum class Verb { attend, state, gather, append, truncate, end_rows, clone, save, load };
template <class C>
concept OffersByInstance = requires(const C &c, Verb verb) {
  { c.offers(verb) } -> std::same_as<bool>;
};

// A method with a verb's name and another signature would silently not be offered: that is a compile error.
// Where some methods exist only under conditions (SlotCache) the check is off: such a class has a type
// conditional_verbs.
namespace detail {
#define KVERN_SDK_NAMES(verb)              \
  struct Other_##verb {                    \
    void verb();                           \
  };                                       \
  template <class C>                       \
  struct Both_##verb : C, Other_##verb {}; \
  template <class C>                       \
  concept Names_##verb = !requires {       \
    &Both_##verb<C>::verb;                 \
  };
KVERN_SDK_NAMES(attend)
KVERN_SDK_NAMES(state)
KVERN_SDK_NAMES(gather)
KVERN_SDK_NAMES(append)
KVERN_SDK_NAMES(truncate)
KVERN_SDK_NAMES(end_rows)
KVERN_SDK_NAMES(clone)
KVERN_SDK_NAMES(save)
KVERN_SDK_NAMES(load)
KVERN_SDK_NAMES(extension)
#undef KVERN_SDK_NAMES

template <class C>
constexpr void check_signatures() {
  if constexpr (!requires { typename C::conditional_verbs; } && !std::is_final_v<C>) {
    static_assert(HasAttend<C> || !Names_attend<C>,
                  "attend must be callable as attend(const kvern_attend &)");
    static_assert(HasState<C> || !Names_state<C>,
                  "state: state(int layer, int slot, DLTensor *read, DLTensor *write)");
    static_assert(HasGather<C> || !Names_gather<C>, "gather must be callable as gather(Rows rows)");
    static_assert(HasAppend<C> || !Names_append<C>, "append must be callable as append(const C &from)");
    static_assert(HasTruncate<C> || !Names_truncate<C>,
                  "truncate must be callable as truncate(Rows row_pos)");
    static_assert(HasEndRows<C> || !Names_end_rows<C>,
                  "end_rows must be callable as end_rows(Rows row_keep)");
    static_assert(HasClone<C> || !Names_clone<C>, "clone must be std::unique_ptr<C> clone() const");
    static_assert(HasSave<C> || !Names_save<C>, "save must be callable as save(Writer &) on a const cache");
    static_assert(HasLoad<C> || !Names_load<C>, "load must be callable as load(Reader &)");
    static_assert(HasExtension<C> || !Names_extension<C>,
                  "extension must be const void *extension(const char *) const");
  }
  static_assert(HasSave<C> == HasLoad<C>, "save and load go together");
}
}  // namespace detail

KVERN_SDK_END
