// A cache under test and the tokens it was fed: drives the binary table directly and compares every answer with attention over
// the whole history. Throws Violation at the first difference. Independent of the test framework.
#pragma once
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>

#include "check/reference.hpp"
#include "check/test_host.hpp"
#include "check/watch.hpp"

namespace kvern::conformance {

/// `rule` is set where what was noticed is a rule of its own, whichever rule the harness was working on.
class Violation : public std::runtime_error {
 public:
  explicit Violation(const std::string &text, const char *rule = "")
      : std::runtime_error(text), rule_(rule) {}
  const std::string &rule() const { return rule_; }

 private:
  std::string rule_;
};

// Rules of every step of every test (docs/abi.md).
constexpr const char *kRequired = "1.2", *kSameView = "3.8", *kFinite = "3.9", *kBorrowed = "3.10",
                     *kRightKeys = "3.11", *kCounts = "3.12", *kBuffers = "6.3", *kReturns = "9.1",
                     *kSilent = "9.2";

[[noreturn]] void violated(const std::string &text, const char *rule = "");
inline void expect(bool holds, const std::string &text, const char *rule = "") {
  if (!holds) violated(text, rule);
}

/// A plugin with the layers and options of a test. Tables are borrowed.
struct Subject {
  std::string name;
  std::string library;     ///< the file; "" = the rules about it pass
  std::string host_build;  ///< the build string of a plugin with LibTorch; "" = not looked at
  const kvern_plugin *plugin = nullptr;
  std::vector<kvern_layer> layers;
  std::vector<const kvern_option *> options;
  DLDataType type{kDLFloat, 32, 1};
  Semantics semantics;
  /// The cache is taken at its word: the keys must be right at the positions of its views, and attention is compared over
  /// exactly those. Without it answers are compared with `semantics` over the whole history.
  bool own_word = false;
  bool keeps_all = true;  ///< own_word: views hold every position that a query may see
  bool poison = true;     ///< borrowed keys and values become NaN when another layer is named
  double tolerance = 2e-5;
  int64_t max_tokens = 0;    ///< of kvern_create
  int64_t first_tokens = 0;  ///< added to every first step, for caches that treat old tokens differently
  bool recompute = false;    ///< keeps nothing: all tokens are fed in every step
  bool ragged = true;        ///< rows of different lengths are supported
  bool row_cross = false;    ///< rows of different numbers of encoder keys are supported
  bool moving = true;        ///< also tried with memory that moves
  bool device = false;       ///< runs on a device: also tried on a simulated one
  bool composite = false;    ///< where one of its caches finds no memory, the others keep what they reserved
};

kvern_layer attention_layer(int32_t window = 0);
/// Its values lie in its keys, as the latents of multi-head latent attention.
kvern_layer latent_layer(int32_t window = 0);
kvern_layer layer_of_kind(uint32_t kind);
/// One state of kStateDim elements.
kvern_layer state_layer();
constexpr int kStateDim = 5;

/// Throws Violation with the linker's reason.
void check_loads(const std::string &path);
/// The plugin in a library, never unloaded. Throws Violation with the reason.
const kvern_plugin *load_plugin(const std::string &path);
/// By name from lib/kvern/plugins or lib/kvern/test_plugins of the build folder, the environment variable KVERN_BUILD_DIR.
const kvern_plugin *built_plugin(const std::string &name);
std::string built_library(const std::string &name);
/// "kvern.compose/1" over the same folders, or the table that was given last, which outlives all caches.
const void *compose_extension(const void *given = nullptr);

/// Makes a cache, or returns the status.
kvern_status make_cache(const Subject &subject, TestHost &host, kvern_cache **out,
                        std::string *message = nullptr);

struct StepPlan {
  static constexpr int64_t kAll = -1;
  std::vector<int64_t> new_tokens{};  ///< new tokens by row
  int64_t keep = kAll;                ///< end(keep)
  std::vector<int64_t> row_keep{};    ///< not empty: end_rows
  int abort_at_layer = -1;            ///< aborts the step there: end(0)
  int64_t n_cross = 0;
  enum class Path { update, attend, either } path = Path::either;
};

enum class Outcome { done, no_memory, no_capacity, unsupported, smaller_steps };

struct Counts {
  int64_t elements = 0, update = 0, attend = 0, state = 0;
};

class CacheHarness {
 public:
  /// Throws Violation if the cache cannot be made.
  CacheHarness(const Subject &subject, TestHost &host, uint64_t seed);
  /// Takes over a cache.
  CacheHarness(const Subject &subject, TestHost &host, uint64_t seed, kvern_cache *cache,
               std::vector<Row> rows);
  ~CacheHarness();
  CacheHarness(const CacheHarness &) = delete;

  Outcome step(const StepPlan &plan);
  /// All rows get n new tokens.
  Outcome step(int64_t n) {
    return step(StepPlan{std::vector<int64_t>(rows.size(), n), StepPlan::kAll, {}, -1, 0, {}});
  }
  /// As step; token by token where the cache requires smaller steps.
  Outcome step_or_single(const StepPlan &plan);

  /// info agrees with what was fed.
  void check_info() const;
  kvern_info info(int layer = -1) const;

  /// The cache's verbs; the name of the one that runs is noted, and an exception that leaves one is a Violation.
  const kvern_cache_ops &ops() const { return watched_ = watched(*cache->ops); }
  kvern_status gather(const std::vector<int64_t> &order);
  kvern_status truncate(const std::vector<int64_t> &row_pos);
  kvern_status append(CacheHarness &from);
  /// The clone; nullptr if it ran out of memory.
  std::unique_ptr<CacheHarness> clone();
  std::string save();
  /// read: how many of the bytes the cache took.
  kvern_status load(const std::string &bytes, std::string *message = nullptr, std::size_t *read = nullptr);
  void reset();
  /// On a device: waits for what it was given, and compares what came of it.
  void settle();

  int64_t random(int64_t least, int64_t most);
  /// The draws that follow (tokens, update or attend) are those of a harness made with this seed.
  void reseed(uint64_t seed) { engine_.seed(seed); }

  const Subject &subject;
  TestHost &host;
  kvern_cache *cache = nullptr;
  std::vector<Row> rows;
  Counts counts;
  mutable kvern_error error{};

 private:
  struct Open;        // a step in progress
  struct ViewedKeys;  // exported keys, their positions, and how far a query sees
  struct Pending;     // what update exported or attend computed on a device, to be compared when it has come
  Outcome run_layers(const StepPlan &plan, Open &open);
  void state_layer_step(int layer, Open &open);
  std::vector<float> states_on_host(const DLTensor &states) const;
  void to_device(std::vector<float> &from, DLTensor &to);
  Outcome keys_layer_step(int layer, const StepPlan &plan, Open &open);
  kvern_view get_view(int layer) const;
  void fill_keys(int owner, const Open &open, const kvern_view &view, const DLTensor &k,
                 const DLTensor &v) const;
  std::vector<double> query(int layer, const Open &open, const kvern_view &view, int64_t r, int h, int64_t i,
                            bool raw) const;
  bool try_attend(int layer, Open &open, const kvern_view &view, const DLTensor *k, const DLTensor *v);
  void check_exported(int layer, const Open &open, const kvern_view &view, const DLTensor &k,
                      const DLTensor &v) const;
  ViewedKeys viewed(int layer, const kvern_view &view, const DLTensor &k, const DLTensor &v) const;
  Softmax attend_view(int layer, const Open &open, const ViewedKeys &keys, int64_t r, int h, int64_t i) const;
  void download_attended(int layer, const Open &open, const kvern_view &view, const DLTensor &out,
                         const DLTensor *lse);
  void compare_exported(int layer, const Open &open, const kvern_view &view, const DLTensor &k,
                        const DLTensor &v);
  void compare_update(int layer, const Open &open, const kvern_view &view, const DLTensor &k,
                      const DLTensor &v);
  void compare_attend(int layer, const Open &open, const kvern_view &view, const DLTensor &out,
                      const float *lse);
  void check_own_word(int layer, const Open &open, const kvern_view &view, const DLTensor &k,
                      const DLTensor &v);
  void compare_own_attend(int layer, const Open &open, const kvern_view &view, const DLTensor &out,
                          const float *lse);
  void fill_stored(int layer, const Open &open, const kvern_view &view, const DLTensor &k,
                   const DLTensor &v) const;
  bool read_back(int owner, DLTensor &k, DLTensor &v);
  void finish(const StepPlan &plan, Open &open, const std::vector<Row> &before);
  void leave() const { host.enter(-2); }

  std::mt19937_64 engine_;
  mutable kvern_cache_ops watched_{};
  std::vector<std::shared_ptr<void>> kept_;  // what was borrowed in earlier steps
  std::vector<std::shared_ptr<Pending>> pending_;
};

}  // namespace kvern::conformance
