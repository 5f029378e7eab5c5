#include "check/check.hpp"

#include <algorithm>

#include "check/program_text.hpp"
#include "check/rules.hpp"
#include "check/shrink.hpp"

namespace kvern::conformance {
namespace {

constexpr int kLength = 30;  // operations of a random sequence
constexpr int64_t kFirstTokens =
    140;  // beyond the residual length of caches that treat old tokens differently
constexpr double kShrinkSeconds = 20;

/// One run of check_plugin.
class Checker {
 public:
  Checker(const CheckSettings &settings, const std::function<void(const std::string &)> &progress)
      : settings_(settings), progress_(progress) {}

  CheckReport run() {
    for (const Rule &rule : chosen(Needs::library)) take(rule, check_rule(rule));
    if (!broken("1.5") && !broken("1.7")) check_table();
    for (const Needs needs : {Needs::table, Needs::cache})
      for (const Rule &rule : chosen(needs))
        if (!has(rule.id))
          take(rule, loaded_ && (found_ || needs == Needs::table) ? check_rule(rule) : undecided());
    attribute();
    return report_;
  }

 private:
  std::vector<Rule> chosen(Needs needs) const {
    std::vector<Rule> result;
    for (const Rule &rule : rules())
      if (rule.needs == needs && wanted(rule)) result.push_back(rule);
    return result;
  }
  bool wanted(const Rule &rule) const {
    const auto &ids = settings_.rules;
    return ids.empty() || std::find(ids.begin(), ids.end(), rule.id) != ids.end();
  }
  bool has(const std::string &id) const {
    return std::any_of(report_.rules.begin(), report_.rules.end(),
                       [&](const RuleResult &r) { return r.id == id; });
  }
  bool broken(const std::string &id) const {
    return std::any_of(report_.rules.begin(), report_.rules.end(),
                       [&](const RuleResult &r) { return r.id == id && r.state != State::kept; });
  }

  Attempt attempt(const IsolatedCall &call) const {
    return settings_.in_process ? run_here(call) : isolate(call, settings_.time_limit);
  }

  static const Rule &rule_of(const std::string &id) {
    const auto &all = rules();
    const auto found = std::find_if(all.begin(), all.end(), [&](const Rule &rule) { return rule.id == id; });
    return found == all.end() ? all.front() : *found;
  }

  static Attempt undecided() {
    Attempt attempt;
    attempt.ending = Ending::broken;
    attempt.rule = "none";  // not this one, whichever it is
    attempt.text = "no cache could be made";
    return attempt;
  }

  /// Loads the plugin, and finds out what it holds.
  void check_table() {
    Subject file;
    file.library = settings_.library;
    const Rule &filled = rule_of("1.1");
    const Attempt table = attempt([&](Trace &) {
      filled.check(file);
      const kvern_plugin *plugin = load_plugin(settings_.library);
      return std::string(plugin->name) + "\n" + plugin->version;
    });
    take(rule_of(table.rule.empty() ? filled.id : table.rule), table);
    if (table.ending != Ending::kept) return;
    loaded_ = true;
    report_.name = table.answer.substr(0, table.answer.find('\n'));
    report_.version = table.answer.substr(table.answer.find('\n') + 1);
    if (settings_.check_options) settings_.check_options(*load_plugin(settings_.library));
    find_facts_of_cache();
  }

  void find_facts_of_cache() {
    const Attempt facts = attempt(
        [&](Trace &) { return pack(find_facts(*load_plugin(settings_.library), settings_.subject)); });
    found_ = facts.ending == Ending::kept;
    if (found_) {
      facts_ = unpack_facts(facts.answer);
      report_.facts = text_of(facts_);
    } else if (facts.rule == kRefused) {
      report_.problem = facts.text;
    } else {
      take(rule_of(facts.rule.empty() ? "1.2" : facts.rule), facts);
    }
  }

  Subject subject(const SubjectOptions &options) const {
    const kvern_plugin *plugin = load_plugin(settings_.library);
    return subject_of(facts_, *plugin, settings_.library, options);
  }

  Attempt check_rule(const Rule &rule) const {
    if (progress_) progress_(rule.id);
    if (rule.sequences != Sequences::none) return check_sequences(rule);
    Attempt last;
    for (int i = 0; i < settings_.repeat && last.ending == Ending::kept; ++i) {
      last = attempt([&](Trace &) {
        Subject file;
        file.library = settings_.library;
        rule.check(rule.needs == Needs::library ? file : subject(settings_.subject));
        return std::string();
      });
    }
    return last;
  }

  /// Random sequences, every second one with memory that moves, or all.
  Attempt check_sequences(const Rule &rule) const {
    const bool moving = rule.sequences == Sequences::moving;
    const int count = (settings_.quick ? 6 : moving ? 12 : 36) * settings_.repeat;
    Attempt last;
    double seconds = 0;
    for (int i = 0; i < count && last.ending == Ending::kept; ++i) {
      Sequence sequence{settings_.subject, moving || i % 2 == 1,
                        random_sequence(settings_.seed + static_cast<uint64_t>(i), kLength)};
      if (i % 3 == 2 && sequence.options.first_tokens == 0) sequence.options.first_tokens = kFirstTokens;
      sequence.options.many_kinds = i % 4 == 3;
      last = run_sequence(sequence);
      seconds += last.seconds;
      if (last.ending != Ending::kept && !settings_.in_process) last = shrunk(sequence, last);
    }
    last.seconds = seconds;
    return last;
  }

  struct Sequence {
    SubjectOptions options;
    bool moving;
    Operations operations;
  };

  Attempt run_sequence(const Sequence &sequence) const {
    return attempt([&](Trace &trace) {
      Done done;
      run_operations(subject(sequence.options), sequence.moving, sequence.operations, done, &trace);
      return std::string();
    });
  }

  /// The shortest sequence that fails, its trace made a program.
  Attempt shrunk(Sequence sequence, Attempt failed) const {
    const bool deep = failed.ending != Ending::timed_out;  // each attempt would wait for the limit
    if (deep) {
      const auto fails = [&](const Operations &operations) {
        const Attempt again = run_sequence({sequence.options, sequence.moving, operations});
        if (again.ending == Ending::kept) return false;
        failed = again;
        return true;
      };
      sequence.operations = shrink(sequence.operations, fails, kShrinkSeconds);
    }
    failed.trace =
        program_text(settings_.library, sequence.options, sequence.moving, failed.trace, failed.text);
    return failed;
  }

  void take(const Rule &rule, const Attempt &attempt) {
    RuleResult result{rule.id, rule.says, State::kept, attempt.text, "", "", attempt.seconds};
    if (attempt.ending != Ending::kept) {
      result.state = State::broken;
      result.output = attempt.output;
      result.program = attempt.trace;
    } else if (written_.empty() && !attempt.output.empty()) {
      written_ = "the plugin writes in rule " + result.id + ": " + attempt.output;
    }
    noticed_.push_back(attempt.rule);
    report_.rules.push_back(result);
  }

  bool basic_rule_is_broken() const {
    for (std::size_t i = 0; i < report_.rules.size(); ++i) {
      const RuleResult &one = report_.rules[i];
      const bool own = noticed_[i].empty() || noticed_[i] == one.id;
      if (one.state == State::broken && rule_of(one.id).basic && own) return true;
    }
    return false;
  }

  /// What the harness noticed of another rule counts as this one's only where the basic rules are kept.
  void attribute() {
    const bool basic = !loaded_ || !found_ || basic_rule_is_broken();
    for (std::size_t i = 0; i < report_.rules.size(); ++i) {
      RuleResult &one = report_.rules[i];
      if (one.id == kSilent && one.state == State::kept && !written_.empty()) {
        one.state = State::broken;
        one.text = written_;
      }
      if (one.state == State::broken && basic && !noticed_[i].empty() && noticed_[i] != one.id)
        one.state = State::undecided;
    }
    std::sort(report_.rules.begin(), report_.rules.end(),
              [](const RuleResult &a, const RuleResult &b) { return order(a.id) < order(b.id); });
  }

  static std::pair<int, int> order(const std::string &id) {
    const std::size_t dot = id.find('.');
    return {std::stoi(id.substr(0, dot)), std::stoi(id.substr(dot + 1))};
  }

  const CheckSettings &settings_;
  const std::function<void(const std::string &)> &progress_;
  CheckReport report_;
  std::vector<std::string> noticed_;  // by result: the rule that the harness noticed
  Facts facts_;
  std::string written_;  // by the plugin, in a rule that is kept otherwise
  bool loaded_ = false, found_ = false;
};

}  // namespace

int CheckReport::count(State state) const {
  return static_cast<int>(
      std::count_if(rules.begin(), rules.end(), [&](const RuleResult &one) { return one.state == state; }));
}

std::vector<std::string> rule_ids() {
  std::vector<std::string> ids;
  for (const Rule &rule : rules()) ids.emplace_back(rule.id);
  return ids;
}

CheckReport check_plugin(const CheckSettings &settings,
                         const std::function<void(const std::string &)> &progress) {
  return Checker(settings, progress).run();
}

}  // namespace kvern::conformance
