// What one rendering may take. A template is a program that comes with a model: it must end, in bounded memory.
#pragma once
#include <cstddef>
#include <cstdint>

#include "runtime/templates/failure.hpp"

namespace kvern::templates {

struct Limits {
  int64_t steps = 100'000'000;              ///< evaluated expressions, statements and elements gone through
  int64_t bytes = int64_t{4} << 30;         ///< of all values made, whether they are still held or not
  int64_t value_bytes = int64_t{64} << 20;  ///< of one text or list, and of the output
  int depth = 1000;                         ///< expressions and calls within each other
};

class Budget {
 public:
  explicit Budget(const Limits &limits) : limits_(limits) {}

  void step(int64_t n = 1) {
    if ((steps_ += n) > limits_.steps) exceeded("takes more than", limits_.steps, "steps");
  }

  /// Fails for one value of so many bytes, without counting them.
  void require_fit(int64_t bytes) const {
    if (bytes > limits_.value_bytes) exceeded("makes a value of more than", limits_.value_bytes, "bytes");
  }

  /// Counts a value of so many bytes. Called before it is made.
  void make(int64_t bytes) {
    require_fit(bytes);
    if ((bytes_ += bytes) > limits_.bytes)
      exceeded("makes values of more than", limits_.bytes, "bytes in all");
  }

  void enter() {
    if (++depth_ > limits_.depth) {
      depth_ = 0;
      exceeded("nests more than", limits_.depth, "expressions and calls");
    }
  }
  void leave() { --depth_; }

 private:
  [[noreturn]] static void exceeded(const char *what, int64_t limit, const char *unit) {
    fail(Failure::Kind::limit,
         std::string("the template ") + what + " " + std::to_string(limit) + " " + unit);
  }

  Limits limits_;
  int64_t steps_ = 0, bytes_ = 0;
  int depth_ = 0;
};

/// One level of nesting, for as long as it lives.
class Level {
 public:
  explicit Level(Budget &budget) : budget_(budget) { budget_.enter(); }
  ~Level() { budget_.leave(); }
  Level(const Level &) = delete;
  Level &operator=(const Level &) = delete;

 private:
  Budget &budget_;
};

}  // namespace kvern::templates
