// Devices by name: "cpu", "cuda", "cuda:1".
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "devices/queue.hpp"

namespace kvern {

/// The queue of a device, opened once; it lives as long as the process. Its library libkvern_NAME.so is looked for in
/// ../lib/kvern/devices and lib/kvern/devices beside the executable. Throws Error(config) in one sentence: no device of that name (with
/// the nearest one), no library, no driver, no such card, too old a card.
Queue &find_device(const std::string &name);

/// For messages and help: the names before the ':' for which there is a library here, "cpu" first.
std::vector<std::string> device_names();

}  // namespace kvern
