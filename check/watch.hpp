// The verb of a cache that runs now, for whoever finds the process ended; and verbs out of which no exception comes unnoticed.
#pragma once
#include <kvern/abi/cache_abi.h>

#include <cstddef>

namespace kvern::conformance {

constexpr std::size_t kVerbSize = 24;

/// Where the name of the running verb is written from now on ("" = none): memory of kVerbSize bytes that outlives all calls, as a
/// rule shared with another process. NULL: nowhere.
void note_verbs_in(char *place);

/// While it lives, `verb` is the one that runs.
class RunningVerb {
 public:
  explicit RunningVerb(const char *verb);
  ~RunningVerb();
  RunningVerb(const RunningVerb &) = delete;
};

/// The same verbs with a RunningVerb around each; an exception out of one becomes a Violation of rule 9.1.
kvern_cache_ops watched(const kvern_cache_ops &ops);
kvern_status watched_create(const kvern_plugin &plugin, const kvern_host *host, const kvern_create *create,
                            kvern_cache **out, kvern_error *error);
const kvern_plugin *watched_entry(kvern_entry_fn entry, const kvern_host *host);

}  // namespace kvern::conformance
