// What a call that must fail says: its message, or, where it does something else, what that was. So that a
// test can compare the whole message and see the difference.
#pragma once
#include <kvern/error.hpp>
#include <string>

namespace kvern::test {

template <class Call>
std::string error_text(ErrorKind kind, Call call) {
  try {
    call();
  } catch (const Error &error) {
    if (error.kind() == kind) return error.what();
    return "(of kind " + std::to_string(error.exit_code()) + ") " + error.what();
  }
  return "(no error)";
}

}  // namespace kvern::test
