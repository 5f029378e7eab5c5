// Operations on one cache, one call each, every answer compared: what random sequences are made of, and the form in which a
// sequence that fails is printed.
#pragma once
#include "check/host_extensions.hpp"
#include "check/random_operations.hpp"

namespace kvern::conformance {

class Program {
 public:
  /// Its own host; moving: memory that moves.
  Program(const Subject &subject, bool moving);
  /// On a host with the extensions of the test; counts what is done, and tells it before.
  Program(const Subject &subject, TestHost &host, Done &done, Trace *trace);
  ~Program();
  Program(const Program &) = delete;

  /// Draws within the next operation (tokens, update or attend) follow from it.
  Program &seed(uint64_t seed);

  /// The rows of an empty cache.
  void rows(std::vector<Row> rows);
  /// Whether it was taken: false where the capacity was exceeded.
  bool step(StepPlan plan);
  /// A step of which the allocation after `successes` fails, or all that follow; whatever comes of it, it is undone.
  void step_without_memory(StepPlan plan, int64_t successes, bool for_ever);
  /// A step with new encoder keys, given by row.
  void replace_encoder(StepPlan plan, const std::vector<Row> &encoders);
  /// fail_after: allocations that succeed before all fail; negative: none fails.
  void gather(const std::vector<int64_t> &order, int64_t fail_after = -1);
  void truncate(const std::vector<int64_t> &row_pos);
  /// Both go on; `continue_with_clone` says which of them stays.
  void clone(bool continue_with_clone, int64_t fail_at = -1);
  /// Rows of another cache, fed n tokens each, join.
  void append(std::vector<Row> rows, int64_t n, int64_t fail_after = -1);
  void save_and_load();
  void reset();

  /// After each operation: info, and what the host noticed.
  void check();
  /// Ends the cache; nothing may be left.
  void finish();

  bool started() const;
  /// How often this was done so far.
  int64_t times(const std::string &what) const { return done_.count(what) ? done_.at(what) : 0; }
  bool has_encoder() const { return has_encoder_; }
  CacheHarness &harness() { return *harness_; }
  TestHost &host() { return host_; }

 private:
  void tell(const std::string &line);
  StepPlan all_rows(const CacheHarness &harness, int64_t n) const;

  const Subject &subject_;
  std::unique_ptr<TestHost> own_host_;
  TestHost &host_;
  Done own_done_;
  Done &done_;
  Trace *trace_ = nullptr;
  std::unique_ptr<CacheHarness> harness_;
  bool has_encoder_ = false;
};

}  // namespace kvern::conformance
