// The message and kind of what an action throws, for tests of messages.
#pragma once
#include <kvern/cache.hpp>

#include <string>

namespace kvern::testing {

template <class Action>
std::string message_of(Action &&action) {
  try {
    action();
  } catch (const Error &error) {
    return error.what();
  }
  return "nothing was thrown";
}

template <class Action>
ErrorKind kind_of(Action &&action) {
  try {
    action();
  } catch (const Error &error) {
    return error.kind();
  }
  throw std::logic_error("nothing was thrown");
}

template <class Action>
kvern_status status_of(Action &&action) {
  try {
    action();
  } catch (const CacheError &error) {
    return error.status();
  }
  return KVERN_OK;
}

}  // namespace kvern::testing
