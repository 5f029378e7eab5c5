#include "core/host/running_verb.hpp"

namespace kvern {
namespace {

thread_local RunningVerb now;

}  // namespace

RunningVerb running_verb() { return now; }

VerbScope::VerbScope(const char *plugin, const char *verb) : before_(now) { now = {plugin, verb}; }
VerbScope::~VerbScope() { now = before_; }

}  // namespace kvern
