// Replays recorded cases of transformers on a device.
#pragma once
#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

namespace kvern::test {

/// Cases of one kind in a folder of tests/reference.
struct RecordedCases {
  std::string folder, kind;
  std::vector<std::string> names;  ///< without their kind; empty: all of it
  std::string cache = "";          ///< in place of the one that a case leaves the choice of; empty: that one
};

/// All of them pass on the device, and none is skipped.
inline void replay(const RecordedCases &cases, const std::string &device = "emulated") {
  std::vector<std::string> command = {program("kvern-reference"),
                                      source_path("tests/reference/" + cases.folder),
                                      "--device",
                                      device,
                                      "--kind",
                                      cases.kind};
  std::string names;
  for (const std::string &name : cases.names) names += (names.empty() ? "" : ",") + cases.kind + "/" + name;
  if (!names.empty()) command.insert(command.end(), {"--case", names});
  if (!cases.cache.empty()) command.insert(command.end(), {"--cache", cases.cache});
  const auto ran = run(command);
  INFO(names << " " << cases.cache << "\n" << ran.out << ran.err);
  CHECK(ran.code == 0);
  CHECK_THAT(ran.out, Catch::Contains(" passed, 0 failed, 0 skipped"));
}

}  // namespace kvern::test
