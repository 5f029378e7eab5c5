#include "check/probe.hpp"

#include <sstream>

#include "check/rules.hpp"

namespace kvern::conformance {
namespace {

constexpr int64_t kManyTokens = 160;  // beyond the residual length or budget that caches have as a rule

struct Layout {
  const char *text;
  std::vector<kvern_layer> layers;
};

const std::vector<Layout> &layouts() {
  const kvern_layer keys = attention_layer(), window = attention_layer(6), state = state_layer(),
                    cross = layer_of_kind(KVERN_LAYER_CROSS);
  static const std::vector<Layout> all{
      {"attention, attention (window 6), attention", {keys, window, keys}},
      {"attention, attention", {keys, keys}},
      {"attention (window 6), attention (window 6)", {window, window}},
      {"state, attention", {state, keys}},
      {"attention, cross-attention, attention, cross-attention", {keys, cross, keys, cross}},
      {"state, state", {state, state}},
      {"cross-attention", {cross}},
  };
  return all;
}

std::vector<kvern_layer> many_kinds() {
  kvern_layer shared = attention_layer(), narrow = attention_layer();
  shared.kind = KVERN_LAYER_NONE;
  shared.shares_layer = 0;
  shared.window = 6;
  narrow.head_dim_v = 12;
  return {attention_layer(6), shared, latent_layer(), narrow};
}

/// Whether a cache can be made, or why not.
bool can_make(const Subject &subject, TestHost &host, std::string *message = nullptr) {
  kvern_cache *cache = nullptr;
  if (make_cache(subject, host, &cache, message) != KVERN_OK) return false;
  expect(cache != nullptr, "create returns KVERN_OK and no cache", kRequired);
  check_required_verbs(*cache);
  watched(*cache->ops).destroy(cache);
  return true;
}

/// The first layers and type that the cache holds.
void choose_layout(Facts &facts, const kvern_plugin &plugin, const SubjectOptions &options) {
  std::string refusal;
  for (const bool half : {false, true}) {
    for (int layout = 0; layout < static_cast<int>(layouts().size()); ++layout) {
      facts.layout = layout, facts.half = half;
      FullHost host;
      std::string message;
      if (can_make(subject_of(facts, plugin, "", options), host, &message)) return;
      if (refusal.empty()) refusal = message;
    }
  }
  violated(
      "create refuses every kind of layers and both float32 and bfloat16; of attention in float32 it says: " +
          (refusal.empty() ? "nothing" : refusal),
      kRefused);
}

/// Whether some steps go well; what goes wrong is a rule's business.
template <class Call>
bool goes_well(Call call) {
  try {
    call();
    return true;
  } catch (const Violation &) {
    return false;
  }
}

bool steps_go_well(const Subject &subject) {
  return goes_well([&] {
    FullHost host;
    CacheHarness harness(subject, host, 51);
    harness.rows.assign(1, Row{});
    for (const int64_t n : {int64_t{10}, kManyTokens, int64_t{1}, int64_t{1}, int64_t{1}})
      harness.step_or_single({{n}, StepPlan::kAll, {}, -1, 0, StepPlan::Path::update});
  });
}

/// A first step of two rows; its outcome, if it has one.
bool is_unsupported(const Subject &subject, const StepPlan &plan) {
  bool unsupported = false;
  goes_well([&] {
    FullHost host;
    CacheHarness harness(subject, host, 52);
    harness.rows.assign(2, Row{});
    for (Row &row : harness.rows)
      if (plan.n_cross > 0) row.encoder = 7, row.encoder_len = 3;
    unsupported = harness.step(plan) == Outcome::unsupported;
  });
  return unsupported;
}

bool holds_cross(const Subject &subject) {
  for (const kvern_layer &layer : subject.layers)
    if (layer.kind == KVERN_LAYER_CROSS) return true;
  return false;
}

/// Whether the cache reports no tokens after a step that was kept.
bool reports_nothing(const Subject &subject) {
  int64_t tokens = -1;
  goes_well([&] {
    FullHost host;
    CacheHarness harness(subject, host, 53);
    harness.rows.assign(1, Row{});
    harness.rows[0].encoder_len = holds_cross(subject) ? 4 : 0;
    const StepPlan plan{{5}, StepPlan::kAll, {}, -1, holds_cross(subject) ? 4 : 0, StepPlan::Path::update};
    if (harness.step_or_single(plan) == Outcome::done) tokens = harness.info().tokens;
  });
  return tokens == 0;
}

}  // namespace

Facts find_facts(const kvern_plugin &plugin, const SubjectOptions &options) {
  Facts facts;
  choose_layout(facts, plugin, options);
  const auto subject = [&] { return subject_of(facts, plugin, "", options); };
  {
    FullHost host;
    can_make(subject(), host);
    facts.composite = host.was_asked("kvern.compose/1");
    FullHost on_device(Schedule{1, 0});
    facts.device = can_make(subject(), on_device);
    SubjectOptions many = options;
    many.many_kinds = facts.many_kinds = true;
    FullHost other;
    facts.many_kinds =
        !facts.half && facts.layout == 0 && can_make(subject_of(facts, plugin, "", many), other);
  }
  const bool cross = holds_cross(subject());
  facts.recompute = reports_nothing(subject());
  const int64_t n_cross = cross ? 4 : 0;
  facts.ragged =
      !is_unsupported(subject(), {{3, 5}, StepPlan::kAll, {}, -1, n_cross, StepPlan::Path::update});
  if (cross) {
    facts.row_cross = true;
    facts.row_cross = !is_unsupported(subject(), {{3, 3}, StepPlan::kAll, {}, -1, 4, StepPlan::Path::update});
  }
  if (!steps_go_well(subject())) {
    facts.keeps_all = false;
    facts.keeps_all = !steps_go_well(subject());  // what is wrong in both ways is no eviction
  }
  return facts;
}

Subject subject_of(const Facts &facts, const kvern_plugin &plugin, const std::string &library,
                   const SubjectOptions &options) {
  Subject subject;
  subject.name = plugin.name ? plugin.name : "";
  subject.library = library;
  subject.host_build = options.host_build;
  subject.plugin = &plugin;
  if (facts.layout >= 0) subject.layers = layouts()[static_cast<std::size_t>(facts.layout)].layers;
  if (options.many_kinds && facts.many_kinds) subject.layers = many_kinds();
  subject.options = options.options;
  if (facts.half) subject.type = {kDLBfloat, 16, 1};
  subject.own_word = true;
  subject.keeps_all = facts.keeps_all;
  if (options.tolerance > 0)
    subject.tolerance = options.tolerance;
  else if (facts.half)
    subject.tolerance = 0.02;
  subject.first_tokens = options.first_tokens;
  subject.max_tokens = 200 + 2 * options.first_tokens;
  subject.recompute = facts.recompute, subject.ragged = facts.ragged, subject.row_cross = facts.row_cross;
  subject.device = facts.device, subject.composite = facts.composite;
  return subject;
}

Subject open_subject(const std::string &library, const SubjectOptions &options) {
  const kvern_plugin *plugin = load_plugin(library);
  return subject_of(find_facts(*plugin, options), *plugin, library, options);
}

std::string text_of(const Facts &facts) {
  std::string text = layouts()[static_cast<std::size_t>(facts.layout)].text;
  text += facts.half ? "; bfloat16" : "; float32";
  if (facts.recompute) return text + "; keeps nothing";
  text += facts.keeps_all ? "; keeps every token" : "; drops tokens, and is taken at the word of its views";
  return text + (facts.device ? "; also on a device" : "");
}

std::string pack(const Facts &facts) {
  std::ostringstream line;
  line << facts.layout;
  for (const bool fact : {facts.half, facts.recompute, facts.ragged, facts.row_cross, facts.device,
                          facts.composite, facts.keeps_all, facts.many_kinds})
    line << ' ' << fact;
  return line.str();
}

Facts unpack_facts(const std::string &text) {
  std::istringstream line(text);
  Facts facts;
  line >> facts.layout;
  for (bool *fact : {&facts.half, &facts.recompute, &facts.ragged, &facts.row_cross, &facts.device,
                     &facts.composite, &facts.keeps_all, &facts.many_kinds})
    line >> *fact;
  return facts;
}

}  // namespace kvern::conformance
