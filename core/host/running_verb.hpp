// Which verb of which plugin runs on this thread: for whoever finds the process ending.
#pragma once

namespace kvern {

struct RunningVerb {
  const char *plugin = nullptr;  ///< its name; NULL: no verb runs
  const char *verb = nullptr;
};

/// Safe in a signal handler.
RunningVerb running_verb();

/// While it lives, this verb runs on this thread. Both texts outlive it.
class VerbScope {
 public:
  VerbScope(const char *plugin, const char *verb);
  ~VerbScope();
  VerbScope(const VerbScope &) = delete;

 private:
  RunningVerb before_;  // of a decorator's caller: verbs nest
};

}  // namespace kvern
