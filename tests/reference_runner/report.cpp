#include "tests/reference_runner/report.hpp"

#include <algorithm>
#include <ostream>

#include "skip_reasons.hpp"  // made from docs/reference.md by CMake

namespace kvern::reference {

const std::vector<std::string> &known_skip_reasons() {
  static const std::vector<std::string> reasons{KVERN_SKIP_REASONS};
  return reasons;
}

void Report::add(const Case &c, const Outcome &outcome) {
  auto &counts = kinds_[c.kind];
  switch (outcome.kind) {
    case Outcome::Kind::passed:
      ++counts.passed;
      break;
    case Outcome::Kind::failed:
      ++counts.failed;
      failures_.emplace_back(c.name, outcome.text);
      break;
    case Outcome::Kind::skipped: {
      ++counts.skipped;
      ++counts.reasons[outcome.text];
      const auto reason = outcome.text.substr(0, outcome.text.find(':'));
      const auto &known = known_skip_reasons();
      if (std::find(known.begin(), known.end(), reason) == known.end()) unlisted_.push_back(outcome.text);
    }
  }
}

Report::Counts Report::total() const {
  Counts sum;
  for (const auto &[kind, counts] : kinds_) {
    sum.passed += counts.passed;
    sum.failed += counts.failed;
    sum.skipped += counts.skipped;
  }
  return sum;
}

void Report::print(std::ostream &out) const {
  for (const auto &[name, text] : failures_) out << "FAILED " << name << ": " << text << '\n';
  for (const auto &[kind, counts] : kinds_) {
    out << kind << ": " << counts.passed << " passed, " << counts.failed << " failed, " << counts.skipped
        << " skipped\n";
    for (const auto &[reason, n] : counts.reasons) out << "  skipped " << n << ": " << reason << '\n';
  }
  for (const auto &reason : unlisted_)
    out << "docs/reference.md does not list this reason to skip: " << reason << '\n';
  const auto sum = total();
  if (sum.passed == 0) out << "no case passed\n";
  out << sum.passed << " passed, " << sum.failed << " failed, " << sum.skipped << " skipped\n";
}

void Report::print_json(std::ostream &out) const {
  Json json;
  for (const auto &[kind, counts] : kinds_)
    json["kinds"][kind] = {{"passed", counts.passed},
                           {"failed", counts.failed},
                           {"skipped", counts.skipped},
                           {"reasons", counts.reasons}};
  json["failures"] = Json::array();
  for (const auto &[name, text] : failures_) json["failures"].push_back({{"case", name}, {"text", text}});
  json["unlisted_reasons"] = unlisted_;
  const auto sum = total();
  json["passed"] = sum.passed;
  json["failed"] = sum.failed;
  json["skipped"] = sum.skipped;
  out << json.dump(1, ' ', false, Json::error_handler_t::replace) << '\n';
}

int Report::exit_code() const {
  const auto sum = total();
  return sum.passed == 0 || sum.failed > 0 || !unlisted_.empty() ? 1 : 0;
}

}  // namespace kvern::reference
