// A cache between the host and another cache, which checks what that one does while a model runs (`--check-cache`).
#pragma once
#include <kvern/abi/cache_abi.h>

namespace kvern::conformance {

/// Takes the cache over. Every verb is forwarded; keys and values are given as copies that become NaN once another layer is named; a
/// defect that is noticed is KVERN_INTERNAL, with what was noticed as the message:
///
/// - a view shows no position twice and none that the row does not have; what update exports has each new token
/// - what update exports is finite, and is what was stored at that position of that row, rounded or not. Keys that the cache rotates
///   itself are not compared, nor tokens that came by load
/// - one query of each attend, another each time, is recomputed over the keys that update exports. Caches that refuse to export in
///   the step, and queries that the cache rotates itself, are not recomputed
/// - the committed tokens are counted by info
/// - nothing is written to standard output; of destroy, which returns nothing, that is a line of the host's log
///
/// On a CPU only. `append` takes checked caches only. Throws std::bad_alloc, and then the cache is still the caller's.
kvern_cache *checked_cache(const kvern_host *host, kvern_cache *cache, const kvern_create &create);

}  // namespace kvern::conformance
