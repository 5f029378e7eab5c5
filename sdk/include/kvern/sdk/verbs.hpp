// Which verbs a cache class offers: those whose methods exist.
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
concept Named = requires {
  { C::name } -> std::convertible_to<const char *>;
  { C::version } -> std::convertible_to<const char *>;
  { C::summary } -> std::convertible_to<const char *>;
};
template <class C>
concept CacheClass = Named<C> && std::constructible_from<C, const Create &> &&
    requires(C &c, const C &constant, const Step &step, int layer, kvern_view &view, const DLTensor *in,
             DLTensor *out, int64_t n, kvern_info &info) {
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
/// attend takes another number of queries than the step has new tokens, where they are not causal: a class that does says
/// `static constexpr bool attends_other_queries = true`; for the others the host's attention does it.
template <class C>
concept AttendsOtherQueries = C::attends_other_queries;
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

/// A decorator or composite: the inner cache of a layer, nullptr if none serves it. It is offered as "kvern.parts/1".
template <class C>
concept HasPart = requires(const C &c, int layer) {
  { c.part(layer) } -> std::same_as<const kvern_cache *>;
};

/// A decorator or composite has every method and offers those of its inner caches: it says so by instance.
enum class Verb { attend, state, gather, append, truncate, end_rows, clone, save, load };
/// A composite keeps nothing of a step where one of its caches keeps nothing: then any rows may be asked of gather.
template <class C>
concept ForgetsByInstance = requires(const C &c) {
  { c.forgets() } -> std::same_as<bool>;
};
template <class C>
concept OffersByInstance = requires(const C &c, Verb verb) {
  { c.offers(verb) } -> std::same_as<bool>;
};

// A method with a verb's name and another signature would silently not be offered: that is a compile error. A base class some
// of whose verbs exist only under conditions (KeyCache) names itself in a type conditional_verbs: where it lacks a verb, a class
// that derives from it may lack it too, unless it has a method of that name itself.
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
  };                                       \
  template <class C>                       \
  concept Has_own_##verb = requires {      \
    &C::verb;                              \
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

struct NoBase {};
template <class C>
struct ConditionalBase {
  using type = NoBase;
};
template <class C>
requires std::is_class_v<typename C::conditional_verbs>
struct ConditionalBase<C> {
  using type = typename C::conditional_verbs;
};
/// The base of C whose verbs are conditional; NoBase where there is none.
template <class C>
using conditional_base = typename ConditionalBase<C>::type;

/// `using conditional_verbs = void`, as classes of kvern 1.0 have it: nothing is checked.
template <class C>
constexpr bool is_checked() {
  if constexpr (requires { typename C::conditional_verbs; }) {
    return !std::is_void_v<typename C::conditional_verbs> && !std::is_final_v<C>;
  }
  return !std::is_final_v<C>;
}

#define KVERN_SDK_CHECK(concept_name, verb, text)                                                          \
  static_assert(                                                                                           \
      concept_name<C> || !Names_##verb<C> ||                                                               \
          (Names_##verb<conditional_base<C>> && !concept_name<conditional_base<C>> && !Has_own_##verb<C>), \
      text)

template <class C>
constexpr void check_signatures() {
  if constexpr (is_checked<C>()) {
    KVERN_SDK_CHECK(HasAttend, attend, "attend must be callable as attend(const kvern_attend &)");
    KVERN_SDK_CHECK(HasState, state,
                    "state must be callable as state(int layer, int slot, DLTensor *read, DLTensor *write)");
    KVERN_SDK_CHECK(HasGather, gather, "gather must be callable as gather(Rows rows)");
    KVERN_SDK_CHECK(HasAppend, append, "append must be callable as append(const C &from)");
    KVERN_SDK_CHECK(HasTruncate, truncate, "truncate must be callable as truncate(Rows row_pos)");
    KVERN_SDK_CHECK(HasEndRows, end_rows, "end_rows must be callable as end_rows(Rows row_keep)");
    KVERN_SDK_CHECK(HasClone, clone, "clone must be std::unique_ptr<C> clone() const");
    KVERN_SDK_CHECK(HasSave, save, "save must be callable as save(Writer &) on a const cache");
    KVERN_SDK_CHECK(HasLoad, load, "load must be callable as load(Reader &)");
    KVERN_SDK_CHECK(HasExtension, extension, "extension must be const void *extension(const char *) const");
  }
  static_assert(HasSave<C> == HasLoad<C>, "save and load go together");
}
#undef KVERN_SDK_CHECK

/// One clear message for each required method, before the concept CacheClass lists all that is not satisfied.
template <class C>
constexpr bool check_required() {
  static_assert(Named<C>, "the class must have static constexpr const char *name, *version and *summary");
  static_assert(std::constructible_from<C, const Create &>,
                "the class must be constructible from const Create &");
  static_assert(
      requires(C & c, const Step &step) { c.begin(step); }, "begin must be callable as begin(const Step &)");
  static_assert(
      requires(C & c, int layer, kvern_view &view) { c.view(layer, view); },
      "view must be callable as view(int layer, kvern_view &)");
  static_assert(
      requires(C & c, int layer, const DLTensor *in, DLTensor *out) { c.update(layer, in, in, out, out); },
      "update must be callable as update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, "
      "DLTensor *out_v)");
  static_assert(
      requires(C & c, int64_t n) { c.end(n); }, "end must be callable as end(int64_t n_keep)");
  static_assert(
      requires(C & c) { c.reset(); }, "reset must be callable as reset()");
  static_assert(
      requires(const C &c, int layer, kvern_info &info) { c.info(layer, info); },
      "info must be callable as info(int layer, kvern_info &) on a const cache");
  return true;
}
}  // namespace detail

KVERN_SDK_END
