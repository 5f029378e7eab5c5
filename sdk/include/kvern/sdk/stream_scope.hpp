// The stream of the call that runs on this thread.
#pragma once
#include <kvern/sdk/namespace.hpp>
#include <utility>

KVERN_SDK_BEGIN

/// Set by the trampolines around each verb: the stream of the last begin, or that of create. NULL on a CPU.
class StreamScope {
 public:
  explicit StreamScope(void *stream) : before_(std::exchange(slot(), stream)) {}
  ~StreamScope() { slot() = before_; }
  StreamScope(const StreamScope &) = delete;

  static void *current() { return slot(); }

 private:
  static void *&slot() {
    thread_local void *stream = nullptr;
    return stream;
  }

  void *before_;
};

KVERN_SDK_END
