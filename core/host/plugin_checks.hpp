// What a plugin's table must be before it is used. Not part of the public headers.
#pragma once
#include <kvern/abi/cache_abi.h>

#include <string>

namespace kvern {

/// Calls the entry function. Throws Error(plugin) beginning with `origin` if it throws or returns NULL.
const kvern_plugin *call_entry(kvern_entry_fn entry, const std::string &origin);

/// Throws Error(plugin) beginning with `origin` unless the table is of this ABI, called `name`, complete and
/// of a build that fits.
void check_table(const kvern_plugin &plugin, const std::string &name, const std::string &origin);

}  // namespace kvern
