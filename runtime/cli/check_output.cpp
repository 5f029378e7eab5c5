#include "runtime/cli/check_output.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "runtime/cli/table.hpp"
#include "runtime/support/printable.hpp"

namespace kvern::cli {
namespace {

using conformance::CheckReport;
using conformance::RuleResult;
using conformance::State;
using Json = nlohmann::ordered_json;

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

const char *word(State state) {
  return state == State::kept ? "kept" : state == State::broken ? "BROKEN" : "undecided";
}

std::string plural(int n, const std::string &what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

std::string summary(const CheckReport &report) {
  std::string text = plural(report.count(State::kept), "rule") + " kept, " +
                     std::to_string(report.count(State::broken)) + " broken";
  if (const int undecided = report.count(State::undecided))
    text += ", " + std::to_string(undecided) + " undecided (they rest on a broken one)";
  return text;
}

std::string indented(const std::string &text) {
  std::string result;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    result += "    " + text.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  return result;
}

std::string details(const RuleResult &rule) {
  std::string text = "\nrule " + rule.id + ": " + rule.says + "\n  " + rule.text + "\n";
  if (!rule.output.empty()) text += "  it wrote:\n" + indented(rule.output);
  if (!rule.program.empty())
    text += "  a short sequence that shows it (compile with kvern::check):\n" + indented(rule.program);
  return text;
}

/// Text within XML: markup escaped, and characters that XML does not know left out.
std::string xml(const std::string &text) {
  std::string result;
  for (const char c : text) {
    if (c == '&')
      result += "&amp;";
    else if (c == '<')
      result += "&lt;";
    else if (c == '"')
      result += "&quot;";
    else if (static_cast<unsigned char>(c) >= 32 || c == '\n' || c == '\t')
      result += c;
  }
  return result;
}

Json json_of(const SpeedTable::Side &side) {
  Json one{{"name", side.name}};
  if (!side.problem.empty()) return one["problem"] = side.problem, one;
  for (const auto &[verb, ns] : side.measured.ns) one["ns"][verb] = ns;
  one["step_ns"] = side.measured.step_ns;
  one["bytes_per_token"] = side.measured.bytes_per_token;
  return one;
}

}  // namespace

std::string check_text(const std::string &library, const CheckReport &report) {
  std::string text = library + (report.name.empty() ? "" : ": " + report.name + " " + report.version) + "\n";
  if (!report.facts.empty()) text += report.facts + "\n";
  std::vector<std::vector<std::string>> rows{{"rule", "", "seconds", ""}};
  for (const RuleResult &rule : report.rules)
    rows.push_back({rule.id, word(rule.state), fixed(rule.seconds, 2), rule.says});
  text += "\n" + table(rows);
  for (const RuleResult &rule : report.rules)
    if (rule.state == State::broken) text += details(rule);
  if (!report.problem.empty()) return text + "\nno cache could be made: " + report.problem + "\n";
  return text + "\n" + summary(report) + "\n";
}

std::string check_json(const std::string &library, const CheckReport &report, const SpeedTable *speed) {
  Json result{
      {"library", library}, {"name", report.name}, {"version", report.version}, {"tried", report.facts}};
  if (!report.problem.empty()) result["problem"] = report.problem;
  result["rules"] = Json::array();
  for (const RuleResult &rule : report.rules) {
    Json one{{"id", rule.id}, {"says", rule.says}, {"state", word(rule.state)}, {"seconds", rule.seconds}};
    if (rule.state == State::broken) one["state"] = "broken";
    if (!rule.text.empty()) one["text"] = rule.text;
    if (!rule.output.empty()) one["output"] = rule.output;
    if (!rule.program.empty()) one["program"] = rule.program;
    result["rules"].push_back(std::move(one));
  }
  if (speed) result["speed"] = Json::array({json_of(speed->cache), json_of(speed->beside)});
  return result.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string check_junit(const std::string &library, const CheckReport &report) {
  std::string cases;
  double seconds = 0;
  for (const RuleResult &rule : report.rules) {
    seconds += rule.seconds;
    cases += "  <testcase classname=\"" + xml(report.name.empty() ? library : report.name) + "\" name=\"" +
             rule.id + " " + xml(rule.says) + "\" time=\"" + fixed(rule.seconds, 3) + "\"";
    if (rule.state == State::kept)
      cases += "/>\n";
    else if (rule.state == State::undecided)
      cases += "><skipped message=\"" + xml(rule.text) + "\"/></testcase>\n";
    else
      cases += "><failure message=\"" + xml(rule.text) + "\">" + xml(rule.program + rule.output) +
               "</failure></testcase>\n";
  }
  const bool problem = !report.problem.empty();
  if (problem)
    cases += "  <testcase classname=\"" + xml(report.name) + "\" name=\"create\"><error message=\"" +
             xml(report.problem) + "\"/></testcase>\n";
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"kvern check\" tests=\"" +
         std::to_string(report.rules.size() + problem) + "\" failures=\"" +
         std::to_string(report.count(State::broken)) + "\" errors=\"" + std::to_string(problem) +
         "\" skipped=\"" + std::to_string(report.count(State::undecided)) + "\" time=\"" + fixed(seconds, 3) +
         "\">\n" + cases + "</testsuite>\n";
}

std::string speed_text(const SpeedTable &speed) {
  for (const SpeedTable::Side *side : {&speed.cache, &speed.beside})
    if (!side->problem.empty()) return "\n" + side->name + " could not be measured: " + side->problem + "\n";
  std::vector<std::vector<std::string>> rows{{"ns per call", speed.cache.name, speed.beside.name}};
  const auto time = [](const conformance::Measured &of, const std::string &verb) {
    for (const auto &[name, ns] : of.ns)
      if (name == verb) return fixed(ns, 0);
    return std::string("-");
  };
  for (const char *verb : {"begin", "view", "update", "attend", "end", "gather", "clone"})
    rows.push_back({verb, time(speed.cache.measured, verb), time(speed.beside.measured, verb)});
  rows.push_back(
      {"a decode step", fixed(speed.cache.measured.step_ns, 0), fixed(speed.beside.measured.step_ns, 0)});
  rows.push_back({"bytes per token", fixed(speed.cache.measured.bytes_per_token, 0),
                  fixed(speed.beside.measured.bytes_per_token, 0)});
  return "\n30 layers, 3 key heads of 64, behind 512 tokens, one thread, float32, medians:\n" + table(rows);
}

}  // namespace kvern::cli
