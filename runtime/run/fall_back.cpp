#include "runtime/run/fall_back.hpp"

#include <utility>

namespace kvern {
namespace {

std::string tokens_text(const std::vector<int64_t> &ends) {
  int64_t tokens = 0;
  for (const int64_t end : ends) tokens += std::max<int64_t>(end, 0);
  return std::to_string(tokens) + (tokens == 1 ? " token" : " tokens");
}

class FallingBack {
 public:
  FallingBack(std::vector<FallBackCache> caches, std::function<void(const std::string &)> say)
      : caches_(std::move(caches)), say_(std::move(say)) {}

  bool operator()(Cache &cache, const std::vector<int64_t> &ends, const CacheError &why) {
    if (next_ == caches_.size()) return false;
    const std::string before = cache.plugin().name;
    const bool holds = cache.info().tokens > 0;
    std::string reason;
    const auto rows = holds ? ExportedRows::of(cache, ends, reason) : std::optional<ExportedRows>();
    cache = cache.empty_like();  // its memory is free for the next one
    std::string tried;
    while (next_ < caches_.size()) {
      const FallBackCache &candidate = caches_[next_++];
      try {
        Cache taken = candidate.open();
        if (rows && !rows->give_to(taken, reason)) {
          // It may still have the memory for a text that is fed again, token by token; if not, the next step says so.
          tried += "; fallback '" + candidate.name + "': " + reason;
        }
        const bool has = taken.info().tokens > 0;
        cache = std::move(taken);
        say_(why.what() + std::string("; going on with '") + candidate.name + "'" +
             (!holds ? ""
              : has  ? ", which took over " + tokens_text(ends)
                     : ", which is fed " + tokens_text(ends) + " again: " + reason));
        return true;
      } catch (const Error &e) {
        tried += "; fallback '" + candidate.name + "': " + e.what();
      }
    }
    throw CacheError(why.status(), why.what() + tried);
  }

 private:
  std::vector<FallBackCache> caches_;
  std::function<void(const std::string &)> say_;
  size_t next_ = 0;
};

}  // namespace

FallBack fall_back_to(std::vector<FallBackCache> caches, std::function<void(const std::string &)> say) {
  if (caches.empty()) return {};
  return FallingBack(std::move(caches), std::move(say));
}

}  // namespace kvern
