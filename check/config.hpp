// Options of a test, owned: a Subject borrows them.
#pragma once
#include <kvern/abi/cache_abi.h>

#include <list>
#include <string>
#include <vector>

namespace kvern::conformance {

/// Options that live as long as this object, which stays where it is.
class Config {
 public:
  Config() = default;
  Config(const Config &) = delete;

  const kvern_option *string(const char *key, const std::string &value) {
    kvern_option &option = make(key, KVERN_STRING);
    option.s = texts_.emplace_back(value).c_str();
    return &option;
  }
  const kvern_option *integer(const char *key, int64_t value) {
    kvern_option &option = make(key, KVERN_INT);
    option.i = value;
    return &option;
  }
  const kvern_option *boolean(const char *key, bool value) {
    kvern_option &option = make(key, KVERN_BOOL);
    option.i = value;
    return &option;
  }
  const kvern_option *number(const char *key, double value) {
    kvern_option &option = make(key, KVERN_FLOAT);
    option.f = value;
    return &option;
  }
  const kvern_option *array(const char *key, std::vector<const kvern_option *> items) {
    return list(key, KVERN_ARRAY, std::move(items));
  }
  const kvern_option *table(const char *key, std::vector<const kvern_option *> items) {
    return list(key, KVERN_TABLE, std::move(items));
  }

 private:
  const kvern_option *list(const char *key, int32_t type, std::vector<const kvern_option *> items) {
    lists_.push_back(std::move(items));
    kvern_option &option = make(key, type);
    option.items = lists_.back().data();
    option.n_items = static_cast<uint32_t>(lists_.back().size());
    return &option;
  }

  kvern_option &make(const char *key, int32_t type) {
    kvern_option &option = options_.emplace_back();
    option.struct_size = sizeof option;
    option.type = type;
    option.key = key;
    return option;
  }

  std::list<kvern_option> options_;
  std::list<std::string> texts_;
  std::list<std::vector<const kvern_option *>> lists_;
};

}  // namespace kvern::conformance
