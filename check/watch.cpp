#include "check/watch.hpp"

#include <cstring>
#include <string>

#include "check/harness.hpp"

namespace kvern::conformance {
namespace {

char *place = nullptr;  // written by one thread: rules that use several note nothing of the others

void note(const char *verb) {
  if (place) std::strncpy(place, verb, kVerbSize - 1);
}

[[noreturn]] void escaped(const char *verb, const std::string &what) {
  violated(std::string(verb) + " lets an exception out: " + what, kReturns);
}

template <class Call>
auto guarded(const char *verb, Call call) {
  const RunningVerb running(verb);
  try {
    return call();
  } catch (const std::exception &thrown) {
    escaped(verb, thrown.what());
  } catch (...) {
    escaped(verb, "not a std::exception");
  }
}

/// A verb of this index and name that calls the same verb of the cache's own table.
template <auto Member, auto Name, class Result, class Self, class... Arguments>
struct Verb {
  static Result call(Self *cache, Arguments... arguments) {
    return guarded(Name(), [&] { return (cache->ops->*Member)(cache, arguments...); });
  }
};

template <auto Member, auto Name, class Result, class Self, class... Arguments>
constexpr auto make_verb(Result (*kvern_cache_ops::*)(Self *, Arguments...)) {
  return &Verb<Member, Name, Result, Self, Arguments...>::call;
}

}  // namespace

kvern_cache_ops watched(const kvern_cache_ops &ops) {
  kvern_cache_ops result{};
  result.struct_size = ops.struct_size;
  result.plugin = ops.plugin;
#define KVERN_WATCH(verb)                     \
  if (KVERN_HAS(&ops, kvern_cache_ops, verb)) \
  result.verb = make_verb<&kvern_cache_ops::verb, [] { return #verb; }>(&kvern_cache_ops::verb)
  KVERN_WATCH(destroy);
  KVERN_WATCH(begin);
  KVERN_WATCH(view);
  KVERN_WATCH(update);
  KVERN_WATCH(end);
  KVERN_WATCH(reset);
  KVERN_WATCH(info);
  KVERN_WATCH(attend);
  KVERN_WATCH(state);
  KVERN_WATCH(gather);
  KVERN_WATCH(append);
  KVERN_WATCH(truncate);
  KVERN_WATCH(end_rows);
  KVERN_WATCH(clone);
  KVERN_WATCH(save);
  KVERN_WATCH(load);
  KVERN_WATCH(get_extension);
#undef KVERN_WATCH
  return result;
}

void note_verbs_in(char *where) { place = where; }

RunningVerb::RunningVerb(const char *verb) { note(verb); }
RunningVerb::~RunningVerb() { note(""); }

kvern_status watched_create(const kvern_plugin &plugin, const kvern_host *host, const kvern_create *create,
                            kvern_cache **out, kvern_error *error) {
  return guarded("create", [&] { return plugin.create(host, create, out, error); });
}

const kvern_plugin *watched_entry(kvern_entry_fn entry, const kvern_host *host) {
  return guarded(KVERN_ENTRY_NAME, [&] { return entry(host); });
}

}  // namespace kvern::conformance
