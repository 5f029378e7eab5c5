// How a plugin refuses: an exception with a status and one sentence. It never leaves the plugin; the trampolines convert it to
// kvern_status and kvern_error.
#pragma once
#include <kvern/abi/cache_abi.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <kvern/sdk/namespace.hpp>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>

KVERN_SDK_BEGIN

/// What was wrong, where, what would be right.
class Failure : public std::exception {
 public:
  Failure(kvern_status status, std::string message) : status_(status), message_(std::move(message)) {}
  kvern_status status() const { return status_; }
  const char *what() const noexcept override { return message_.c_str(); }

 private:
  kvern_status status_;
  std::string message_;
};

namespace detail {
template <class T>
void append_part(std::string &text, const T &part) {
  if constexpr (std::is_convertible_v<T, std::string_view>) {
    text += std::string_view(part);
  } else if constexpr (std::is_same_v<T, bool>) {
    text += part ? "true" : "false";
  } else {
    text += std::to_string(part);
  }
}
}  // namespace detail

/// Strings and numbers, one after the other.
template <class... Parts>
std::string text(const Parts &...parts) {
  std::string joined;
  (detail::append_part(joined, parts), ...);
  return joined;
}

/// Ends the current call with this status: fail(KVERN_OUT_OF_CAPACITY, "the cache holds ", n, " tokens").
template <class... Parts>
[[noreturn]] void fail(kvern_status status, const Parts &...parts) {
  throw Failure(status, text(parts...));
}

/// Fills the caller's error, cut to its size at a UTF-8 boundary, and returns the status.
inline kvern_status report(kvern_error *error, kvern_status status, std::string_view message) noexcept {
  if (!error) return status;
  const std::size_t head = offsetof(kvern_error, message);
  if (error->struct_size >= head) error->code = status;
  if (error->struct_size <= head) return status;
  const std::size_t room = error->struct_size - head - 1;
  std::size_t size = std::min(room, message.size());
  if (size < message.size()) {
    while (size > 0 && (static_cast<unsigned char>(message[size]) & 0xC0u) == 0x80u) --size;
  }
  char *target = reinterpret_cast<char *>(error) + head;
  std::memcpy(target, message.data(), size);
  target[size] = '\0';
  return status;
}

/// Runs the body of a call; whatever it throws becomes a status and a sentence.
template <class Body>
kvern_status guarded(kvern_error *error, Body &&body) noexcept {
  try {
    body();
    return KVERN_OK;
  } catch (const Failure &failure) {
    return report(error, failure.status(), failure.what());
  } catch (const std::bad_alloc &) {
    return report(error, KVERN_OUT_OF_MEMORY,
                  "out of memory in the plugin's own data structures (std::bad_alloc)");
  } catch (const std::exception &exception) {
    return report(error, KVERN_INTERNAL, exception.what());
  } catch (...) {
    return report(error, KVERN_INTERNAL, "the plugin threw something that is not a std::exception");
  }
}

/// An empty error for a call of the host or of another cache.
inline kvern_error empty_error() {
  kvern_error error;
  error.struct_size = sizeof error;
  error.code = KVERN_OK;
  error.message[0] = '\0';
  return error;
}

/// Throws the failure that such a function reported.
inline void require(kvern_status status, const kvern_error &error) {
  if (status != KVERN_OK) throw Failure(status, error.message);
}

/// a * b * ... for sizes; OUT_OF_MEMORY where no memory could hold the product.
template <class... Factors>
int64_t product(Factors... factors) {
  int64_t result = 1;
  bool overflow = false;
  ((overflow = overflow || factors < 0 || __builtin_mul_overflow(result, int64_t{factors}, &result)), ...);
  if (overflow) fail(KVERN_OUT_OF_MEMORY, "no memory is that large");
  return result;
}

/// A copy of a struct that begins with struct_size: fields that the other side does not have are zero.
template <class Struct>
Struct known_part(const Struct &theirs) {
  Struct ours{};
  std::memcpy(static_cast<void *>(&ours), &theirs, std::min<std::size_t>(theirs.struct_size, sizeof ours));
  ours.struct_size = sizeof ours;
  return ours;
}

/// Copies a struct to the caller: only the fields that its struct_size covers; struct_size becomes the bytes written.
template <class Struct>
void export_struct(Struct *theirs, Struct ours) {
  const std::size_t size = std::min<std::size_t>(theirs->struct_size, sizeof ours);
  ours.struct_size = static_cast<uint32_t>(size);
  std::memcpy(static_cast<void *>(theirs), &ours, size);
}

KVERN_SDK_END
