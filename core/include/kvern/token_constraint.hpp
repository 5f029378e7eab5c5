// What texts a generation may write, token by token.
#pragma once
#include <cstdint>
#include <span>

namespace kvern {

/// States have numbers from 0 on. Equal numbers: the same may follow. Belongs to one thread at a time.
class TokenConstraint {
 public:
  static constexpr int64_t kDead = -1;
  virtual ~TokenConstraint() = default;
  /// Before the first token.
  virtual int64_t start() = 0;
  /// Behind a token; kDead: it may not follow, or is no text.
  virtual int64_t next(int64_t state, int64_t token) = 0;
  /// The text may end here.
  virtual bool complete(int64_t state) = 0;
  /// Bit i % 64 of word i / 64: token i may follow. Ids behind the last word may not. Valid until the next call.
  virtual std::span<const uint64_t> allowed(int64_t state) = 0;
};

}  // namespace kvern
