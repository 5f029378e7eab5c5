// Status codes in words and as exceptions.
#include <kvern/cache.hpp>

namespace kvern {
namespace {

ErrorKind kind_of(kvern_status status) {
  const bool memory = status == KVERN_OUT_OF_MEMORY || status == KVERN_OUT_OF_CAPACITY;
  return memory ? ErrorKind::out_of_memory : ErrorKind::plugin;
}

}  // namespace

CacheError::CacheError(kvern_status status, const std::string &message)
    : CacheError(status, kind_of(status), message) {}

CacheError::CacheError(kvern_status status, ErrorKind kind, const std::string &message)
    : Error(kind, message), status_(status) {}

const char *status_name(kvern_status status) {
  switch (status) {
    case KVERN_OK:
      return "ok";
    case KVERN_INVALID_ARGUMENT:
      return "invalid argument";
    case KVERN_UNSUPPORTED:
      return "unsupported";
    case KVERN_OUT_OF_CAPACITY:
      return "out of capacity";
    case KVERN_OUT_OF_MEMORY:
      return "out of memory";
    case KVERN_WRONG_STATE:
      return "wrong state";
    case KVERN_DEVICE_ERROR:
      return "device error";
    case KVERN_BAD_DATA:
      return "bad data";
  }
  return "internal error";
}

}  // namespace kvern
