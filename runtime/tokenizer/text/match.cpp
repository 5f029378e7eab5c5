// Literal search and the five ways to treat a delimiter.
#include "runtime/tokenizer/text/match.hpp"

#include <algorithm>

namespace kvern::tokenizer {
namespace {

// Joins a hit with its neighbour on the left unless that is a hit, too.
std::vector<Match> merge_with_previous(const std::vector<Match> &matches) {
  std::vector<Match> out;
  bool previous_hit = false;
  for (const Match &m : matches) {
    if (m.hit && !previous_hit && !out.empty())
      out.back().end = m.end;
    else
      out.push_back(m);
    previous_hit = m.hit;
  }
  return out;
}

std::vector<Match> merge_with_next(const std::vector<Match> &matches) {
  std::vector<Match> out;
  bool previous_hit = false;
  for (auto m = matches.rbegin(); m != matches.rend(); ++m) {
    if (m->hit && !previous_hit && !out.empty())
      out.back().begin = m->begin;
    else
      out.push_back(*m);
    previous_hit = m->hit;
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<Match> join_runs(const std::vector<Match> &matches) {
  std::vector<Match> out;
  bool previous_hit = false;
  for (const Match &m : matches) {
    if (m.hit == previous_hit && !out.empty())
      out.back().end = m.end;
    else
      out.push_back(m);
    previous_hit = m.hit;
  }
  return out;
}

}  // namespace

std::vector<Match> find_literal(std::string_view text, std::string_view what) {
  std::vector<Match> matches;
  size_t covered = 0;
  for (size_t hit; (hit = text.find(what, covered)) != std::string_view::npos; covered = hit + what.size()) {
    if (covered < hit) matches.push_back({covered, hit, false});
    matches.push_back({hit, hit + what.size(), true});
  }
  if (covered < text.size()) matches.push_back({covered, text.size(), false});
  return matches;
}

std::vector<Match> apply_behavior(std::vector<Match> matches, SplitBehavior behavior) {
  switch (behavior) {
    case SplitBehavior::isolated:
      return matches;
    case SplitBehavior::merged_with_previous:
      return merge_with_previous(matches);
    case SplitBehavior::merged_with_next:
      return merge_with_next(matches);
    case SplitBehavior::contiguous:
      return join_runs(matches);
    case SplitBehavior::removed:
      break;
  }
  std::erase_if(matches, [](const Match &m) { return m.hit; });
  return matches;
}

}  // namespace kvern::tokenizer
