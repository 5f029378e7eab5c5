// Rules of the table, of sizes that differ, and of the order of calls.
#include <cstring>

#include "check/program.hpp"
#include "check/rules.hpp"

namespace kvern::conformance {

FullHost::FullHost(bool moving) : TestHost(moving) { offer_extensions(*this); }

FullHost::FullHost(const Schedule &schedule) : TestHost(schedule) { offer_extensions(*this); }

void feed_tokens(CacheHarness &harness, int64_t n) {
  harness.rows.assign(2, Row{});
  harness.rows[0].pad = 1;
  bool encoder = false;
  for (const kvern_layer &layer : harness.subject.layers) encoder |= layer.kind == KVERN_LAYER_CROSS;
  for (Row &row : harness.rows) {
    if (encoder) row.encoder = static_cast<uint32_t>(harness.random(1, 1 << 30)), row.encoder_len = 4;
  }
  n += harness.subject.first_tokens;
  const StepPlan plan{{n, n}, StepPlan::kAll, {}, -1, encoder ? 4 : 0, {}};
  expect(harness.step_or_single(plan) == Outcome::done,
         std::string("a first step was refused: ") + harness.error.message);
}

void expect_decodes(CacheHarness &harness) {
  const StepPlan plan{std::vector<int64_t>(harness.rows.size(), 1), StepPlan::kAll, {}, -1, 0, {}};
  expect(harness.step_or_single(plan) == Outcome::done,
         std::string("the cache cannot go on: ") + harness.error.message);
}

void check_required_verbs(const kvern_cache &cache) {
  expect(cache.ops != nullptr, "create makes a cache without verbs", kRequired);
  const kvern_cache_ops ops = watched(*cache.ops);
  const std::pair<const char *, bool> required[] = {
      {"destroy", ops.destroy}, {"begin", ops.begin}, {"view", ops.view}, {"update", ops.update},
      {"end", ops.end},         {"reset", ops.reset}, {"info", ops.info}};
  for (const auto &[verb, there] : required)
    expect(there,
           std::string("the cache has no ") + verb + " (struct_size of its table is " +
               std::to_string(ops.struct_size) + ")",
           kRequired);
}

namespace {

void expect_status(kvern_status status, kvern_status wanted, const std::string &what) {
  expect(status == wanted,
         what + " gives status " + std::to_string(status) + ", not " + std::to_string(wanted));
}

/// "x" for ".../libkvern_x.so" and for a library of one's own, "libx.so" or "x.so".
std::string name_of_file(std::string path) {
  path.erase(0, path.rfind('/') + 1);
  if (path.ends_with(".so")) path.resize(path.size() - 3);
  for (const std::string prefix : {"libkvern_", "lib"})
    if (path.starts_with(prefix)) return path.substr(prefix.size());
  return path;
}

// What version 1.0 has of these structs: in later versions they are longer.
constexpr size_t kPluginSize = offsetof(kvern_plugin, create) + sizeof(kvern_plugin::create);
constexpr size_t kOptionSize = offsetof(kvern_option, reserved) + sizeof(kvern_option::reserved);

void check_version(const kvern_plugin &plugin) {
  expect(plugin.struct_size >= offsetof(kvern_plugin, n_options) && plugin.abi_major == KVERN_ABI_MAJOR,
         "the table is of version " + std::to_string(plugin.abi_major) + "." +
             std::to_string(plugin.abi_minor) + " of the contract; required is " +
             std::to_string(KVERN_ABI_MAJOR) + ".x");
  expect(plugin.struct_size >= kPluginSize, "struct_size of the table is " +
                                                std::to_string(plugin.struct_size) +
                                                "; required is at least " + std::to_string(kPluginSize));
}

void check_declared_options(const kvern_plugin &plugin) {
  expect(plugin.n_options == 0 || plugin.options, "the list of options is NULL");
  for (uint32_t i = 0; i < plugin.n_options; ++i) {
    const kvern_option *option = plugin.options[i];
    expect(option && option->struct_size >= kOptionSize && option->key && *option->key &&
               option->type >= KVERN_BOOL && option->type <= KVERN_ARRAY,
           "option " + std::to_string(i) + " is not filled");
    for (uint32_t j = 0; j < i; ++j)
      expect(std::strcmp(option->key, plugin.options[j]->key) != 0,
             "option '" + std::string(option->key) + "' is declared twice");
  }
}

void table_is_filled(const Subject &subject) {
  const kvern_plugin *loaded = subject.plugin ? subject.plugin : load_plugin(subject.library);
  const kvern_plugin &plugin = *loaded;
  check_version(plugin);
  const std::pair<const char *, const char *> texts[] = {
      {"name", plugin.name}, {"version", plugin.version}, {"summary", plugin.summary}};
  for (const auto &[what, text] : texts) expect(text && *text, std::string(what) + " is missing");
  expect(plugin.build != nullptr && plugin.create != nullptr, "build or create is missing");
  const std::string file = name_of_file(subject.library);
  expect(subject.library.empty() || file == plugin.name,
         "the plugin is called '" + std::string(plugin.name) + "', its file '" + file +
             "': name the file libkvern_" + plugin.name + ".so");
  check_declared_options(plugin);
}

void required_verbs_are_there(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 1);
  check_required_verbs(*harness.cache);
  expect(harness.ops().plugin == subject.plugin, "the cache's table names another plugin");
}

void impossible_layers_are_refused(const Subject &subject) {
  FullHost host;
  Subject strange = subject;
  strange.layers[0].kind = 99;
  kvern_cache *cache = nullptr;
  std::string message;
  const kvern_status status = make_cache(strange, host, &cache, &message);
  expect(status != KVERN_OK, "a layer of an unknown kind is accepted");
  expect(!message.empty(), "create fails with an empty message");
  expect(host.live_buffers() == 0, "create failed and kept memory");
}

void short_structs_are_not_overrun(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 1);
  feed_tokens(harness);
  kvern_info info;
  std::memset(&info, 0x5A, sizeof info);
  info.struct_size = offsetof(kvern_info, bytes_used);
  expect_status(harness.ops().info(harness.cache, -1, &info, &harness.error), KVERN_OK, "info");
  expect(info.bytes_used == 0x5A5A5A5A5A5A5A5A, "info writes a field for which the caller has no room");
  struct {
    kvern_error error;
    char behind[8];
  } small;
  std::memset(static_cast<void *>(&small), 0x5A, sizeof small);
  small.error.struct_size = offsetof(kvern_error, message) + 9;
  expect(harness.ops().info(harness.cache, 1000, &info, &small.error) != KVERN_OK,
         "info of a layer that is not there succeeds");
  expect(small.error.message[8] == '\0' && small.error.message[9] == 0x5A,
         "a short error is not cut to its size");
  expect(std::strlen(small.error.message) == 8, "a short error is cut more than needed");
}

void no_step_without_begin(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 1);
  feed_tokens(harness);
  kvern_view view{};
  view.struct_size = sizeof view;
  DLTensor k, v;
  expect_status(harness.ops().view(harness.cache, 0, &view, &harness.error), KVERN_WRONG_STATE,
                "view outside a step");
  expect_status(harness.ops().update(harness.cache, 0, nullptr, nullptr, &k, &v, &harness.error),
                KVERN_WRONG_STATE, "update outside a step");
  expect_status(harness.ops().end(harness.cache, 0, &harness.error), KVERN_WRONG_STATE, "end outside a step");
  expect(harness.step_or_single({{1, 1}, StepPlan::kAll, {}, -1, 0, {}}) == Outcome::done,
         "after calls out of order no step is possible");
}

/// An open read step on a cache with two rows.
kvern_step read_step(const CacheHarness &harness, const std::vector<int64_t> &positions) {
  kvern_step step{};
  step.struct_size = sizeof step;
  step.rows = static_cast<int64_t>(harness.rows.size());
  step.row_pos = positions.data();
  return step;
}

void no_other_verbs_in_a_step(const Subject &subject) {
  FullHost host;
  CacheHarness harness(subject, host, 1);
  feed_tokens(harness);
  const std::vector<int64_t> positions{harness.rows[0].next(), harness.rows[1].next()}, order{1, 0};
  const kvern_step step = read_step(harness, positions);
  const kvern_cache_ops &ops = harness.ops();
  expect_status(ops.begin(harness.cache, &step, &harness.error), KVERN_OK, "begin of a step that only reads");
  expect_status(ops.begin(harness.cache, &step, &harness.error), KVERN_WRONG_STATE, "begin inside a step");
  expect_status(ops.reset(harness.cache, &harness.error), KVERN_WRONG_STATE, "reset inside a step");
  if (ops.gather)
    expect_status(ops.gather(harness.cache, order.data(), 2, &harness.error), KVERN_WRONG_STATE,
                  "gather inside a step");
  if (ops.truncate)
    expect_status(ops.truncate(harness.cache, positions.data(), &harness.error), KVERN_WRONG_STATE,
                  "truncate inside a step");
  kvern_cache *copy = nullptr;
  if (ops.clone)
    expect_status(ops.clone(harness.cache, &copy, &harness.error), KVERN_WRONG_STATE, "clone inside a step");
  expect_status(ops.end(harness.cache, 0, &harness.error), KVERN_OK, "end of a step that only reads");
  expect(harness.step_or_single({{1, 1}, StepPlan::kAll, {}, -1, 0, {}}) == Outcome::done,
         "after calls out of order no step is possible");
}

void bytes_are_counted(const Subject &subject) {
  FullHost host;
  {
    CacheHarness harness(subject, host, 1);
    feed_tokens(harness);
    const kvern_info info = harness.info();
    expect(info.bytes_device + info.bytes_host == host.live_bytes(),
           "info counts " + std::to_string(info.bytes_device + info.bytes_host) + " bytes, the host " +
               std::to_string(host.live_bytes()));
    expect(info.bytes_used <= info.bytes_device + info.bytes_host, "more bytes are used than held");
  }
  expect(host.live_buffers() == 0, "destroy leaves buffers");
}

void memory_may_move(const Subject &subject) {
  if (!subject.moving) return;
  Done done;
  for (uint64_t seed = 1; seed < 12; seed += 2) random_operations(subject, seed, 20, done);
}

void everything_together(const Subject &subject) {
  Done done;
  for (uint64_t seed = 50; seed < 56; ++seed) random_operations(subject, seed, 30, done);
}

}  // namespace

const std::vector<Rule> table_rules{
    {"1.1", "the plugin's table is filled and its options are declared once", table_is_filled, Needs::table,
     true},
    {kRequired, "every required verb is there", required_verbs_are_there, Needs::cache, true},
    {"1.3", "create says why it cannot hold a layer, and keeps nothing", impossible_layers_are_refused},
    {"1.4", "a struct is written only as far as its struct_size", short_structs_are_not_overrun},
    {"2.1", "the verbs of a step are refused outside one", no_step_without_begin},
    {"2.2", "the other verbs are refused inside a step, which goes on", no_other_verbs_in_a_step},
    {"6.1", "all memory is the host's, counted by info and given back by destroy", bytes_are_counted},
    {"6.2", "memory may move whenever another layer is at work", memory_may_move, Needs::cache, false,
     Sequences::moving},
    {"7.1", "any sequence of verbs gives the answers of the whole history", everything_together, Needs::cache,
     false, Sequences::any},
};

const std::vector<Rule> &rules() {
  static const std::vector<Rule> all = [] {
    std::vector<Rule> joined;
    for (const auto *part : {&library_rules, &table_rules, &plain_rules, &process_rules, &step_rules,
                             &row_rules, &stream_rules, &device_rules})
      joined.insert(joined.end(), part->begin(), part->end());
    return joined;
  }();
  return all;
}

}  // namespace kvern::conformance
