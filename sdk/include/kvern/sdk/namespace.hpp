// The namespace of the SDK. It is versioned and hidden, so that plugins built with different SDKs live in one
// process.
#pragma once

#define KVERN_SDK_BEGIN  \
  namespace kvern::sdk { \
  inline namespace v1 __attribute__((visibility("hidden"))) {
#define KVERN_SDK_END \
  }                   \
  }
