// Options of the ABI as tests write them, alive as long as their owner.
#pragma once
#include <kvern/abi/cache_abi.h>

#include <list>
#include <string>
#include <vector>

namespace kvern::hybrid {

class TestOptions {
 public:
  using Items = std::vector<const kvern_option *>;

  const kvern_option *string(const char *key, const char *value) {
    kvern_option &option = make(key, KVERN_STRING);
    option.s = value;
    return &option;
  }
  const kvern_option *integer(const char *key, int64_t value) {
    kvern_option &option = make(key, KVERN_INT);
    option.i = value;
    return &option;
  }
  const kvern_option *table(const char *key, Items items) { return list(key, KVERN_TABLE, std::move(items)); }
  const kvern_option *array(const char *key, Items items) { return list(key, KVERN_ARRAY, std::move(items)); }
  /// cache_layers of these entries.
  const kvern_option *entries(std::vector<Items> entries) {
    Items tables;
    for (Items &entry : entries) tables.push_back(table("", std::move(entry)));
    return array("cache_layers", std::move(tables));
  }

 private:
  kvern_option &make(const char *key, int32_t type) {
    kvern_option &option = options_.emplace_back();
    option.struct_size = sizeof option;
    option.type = type;
    option.key = key;
    return option;
  }
  const kvern_option *list(const char *key, int32_t type, Items items) {
    lists_.push_back(std::move(items));
    kvern_option &option = make(key, type);
    option.items = lists_.back().data();
    option.n_items = static_cast<uint32_t>(lists_.back().size());
    return &option;
  }

  std::list<kvern_option> options_;
  std::list<Items> lists_;
};

}  // namespace kvern::hybrid
