// Line editing and history by libedit. The library is loaded when a person begins to type: a program that reads no terminal does
// not pay for it in address space.
#pragma once
#include <memory>
#include <string>

#include "runtime/cli/line_reader.hpp"

namespace kvern::cli {

class LineEditor {
 public:
  /// nullptr where libedit is not installed.
  static std::unique_ptr<LineEditor> open();
  virtual ~LineEditor() = default;
  virtual LineReader::Line read(const std::string &prompt) = 0;
};

}  // namespace kvern::cli
