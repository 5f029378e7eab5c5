// The host's services as an object: log, extensions. Memory is in buffer.hpp.
#pragma once
#include <kvern/sdk/failure.hpp>

KVERN_SDK_BEGIN

/// A borrowed host table and the device that caches live on. Cheap to copy; the table outlives the cache.
class Host {
 public:
  Host(const kvern_host *table, DLDevice device) : table_(table), device_(device) {}

  const kvern_host *table() const { return table_; }
  DLDevice device() const { return device_; }

  /// One line for the people who run the program; level is KVERN_LOG_*. [any]
  void log(int32_t level, const std::string &line) const {
    if (KVERN_HAS(table_, kvern_host, log)) table_->log(table_->ctx, level, line.c_str());
  }

  /// The table of a host extension, or nullptr: host.extension<kvern_rope_1>(KVERN_ROPE_1).
  template <class Table>
  const Table *extension(const char *id) const {
    if (!KVERN_HAS(table_, kvern_host, get_extension)) return nullptr;
    return static_cast<const Table *>(table_->get_extension(table_->ctx, id));
  }

  /// The table of an extension that the cache cannot do without; UNSUPPORTED if the host does not offer it.
  template <class Table>
  const Table &required_extension(const char *id) const {
    const Table *table = extension<Table>(id);
    if (!table) fail(KVERN_UNSUPPORTED, "the host does not offer ", id, ", which this cache needs");
    return *table;
  }

 private:
  const kvern_host *table_;
  DLDevice device_;
};

KVERN_SDK_END
