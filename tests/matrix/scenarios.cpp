#include "tests/matrix/scenarios.hpp"

#include <algorithm>
#include <numeric>
#include <string>

#include "core/torch/torch.hpp"

namespace kvern::matrix {
namespace {

using Tokens = std::vector<int64_t>;

constexpr double kTie = 1e-4;  // of logits: who is first among equals depends on rounding

/// Feeds rows of known tokens step by step, and compares the logits of each step with the uncached ones.
class Play {
 public:
  /// The first length[r] tokens of each row are the prompt; shorter rows are padded on the left.
  Play(Reference &reference, Cache &cache, std::vector<Tokens> rows, Tokens length, int64_t chunk = 0)
      : reference_(reference),
        encoder_(numbers(rows.size())),
        driver_(reference.model(), cache, options(true, chunk, reference.encoded(encoder_))),
        rows_(std::move(rows)),
        length_(std::move(length)) {
    const int64_t longest = *std::max_element(length_.begin(), length_.end());
    for (const int64_t n : length_) padding_.push_back(longest - n);
  }
  /// Continues another play on a cache that holds what that one fed.
  Play(const Play &other, Cache &cache)
      : reference_(other.reference_),
        encoder_(other.encoder_),
        driver_(other.reference_.model(), cache, options(true, 0, other.reference_.encoded(encoder_))),
        rows_(other.rows_),
        length_(other.length_),
        padding_(other.padding_) {}

  void feed(Outcome &outcome) {
    TokenRows given;
    for (size_t r = 0; r < rows_.size(); ++r) {
      given.emplace_back(static_cast<size_t>(padding_[r]), 0);
      given.back().insert(given.back().end(), rows_[r].begin(), rows_[r].begin() + length_[r]);
    }
    const at::Tensor logits = driver_.feed(given, padding_).logits;
    for (size_t r = 0; r < rows_.size(); ++r)
      compare(reference_.logits(rows_[r], encoder_[r])[length_[r] - 1], logits[static_cast<int64_t>(r)][0],
              outcome);
  }
  void step(Outcome &outcome, int64_t n = 1) {
    for (; n > 0; --n) {
      for (int64_t &length : length_) ++length;
      feed(outcome);
    }
  }
  void reorder(const Tokens &index, Outcome &outcome) {
    given_up([&] { driver_.reorder(index); }, outcome);
    select(rows_, index), select(length_, index), select(padding_, index), select(encoder_, index);
  }
  /// Forgets the last back[r] tokens; row r continues with other tokens.
  void truncate(const Tokens &back, const Tokens &other, Outcome &outcome) {
    for (size_t r = 0; r < rows_.size(); ++r) {
      length_[r] -= back[r];
      rows_[r].resize(static_cast<size_t>(length_[r]));
      rows_[r].insert(rows_[r].end(), other.begin(), other.end());
    }
    given_up([&] { driver_.truncate(length_); }, outcome);
  }
  /// Continues with other tokens.
  void change_ends(const Tokens &other) {
    for (size_t r = 0; r < rows_.size(); ++r) {
      rows_[r].resize(static_cast<size_t>(length_[r]));
      rows_[r].insert(rows_[r].end(), other.begin(), other.end());
    }
  }

 private:
  static Tokens numbers(size_t n) {
    Tokens all(n);
    std::iota(all.begin(), all.end(), 0);
    return all;
  }

  template <class List>
  static void select(List &list, const Tokens &index) {
    List selected;
    for (const int64_t i : index) selected.push_back(list[static_cast<size_t>(i)]);
    list = std::move(selected);
  }

  /// Notes whether the host forgot all tokens in place of a verb.
  template <class Verb>
  void given_up(Verb verb, Outcome &outcome) {
    const bool held = driver_.cache().info().tokens > 0;
    verb();
    outcome.fed_again = outcome.fed_again || (held && driver_.cache().info().tokens == 0);
  }

  static void compare(const at::Tensor &expected, const at::Tensor &got, Outcome &outcome) {
    const at::Tensor p = at::log_softmax(expected.to(at::kDouble), -1),
                     q = at::log_softmax(got.to(at::kDouble), -1);
    outcome.divergence += std::max(0.0, (p.exp() * (p - q)).sum().item<double>());
    ++outcome.steps;
    const double lost = (expected.max() - expected[got.argmax().item<int64_t>()]).item<double>();
    outcome.same_tokens = outcome.same_tokens && lost <= kTie;
  }

  Reference &reference_;
  Tokens encoder_;  // [R] whose hidden states a row attends to
  Driver driver_;
  std::vector<Tokens> rows_;
  Tokens length_, padding_;
};

int64_t longest(const Reference &reference) { return static_cast<int64_t>(reference.row(0).size()); }

Play first_row(Reference &reference, Cache &cache, int64_t chunk = 0) {
  return Play(reference, cache, {reference.row(0)}, {reference.prompt(0)}, chunk);
}

/// All rows: row 1 and 2 are padded.
Play all_rows(Reference &reference, Cache &cache) {
  return Play(reference, cache, {reference.row(0), reference.row(1), reference.row(2)},
              {reference.prompt(0), reference.prompt(1), reference.prompt(2)});
}

Tokens other_tokens(const Reference &reference) {
  const Tokens &row = reference.row(2);
  return Tokens(row.begin(), row.begin() + Reference::kNew);
}

Outcome greedy(Reference &reference, const OpenCache &open) {
  Outcome outcome;
  Cache cache = open(1, longest(reference));
  Play play = first_row(reference, cache);
  play.feed(outcome);
  play.step(outcome, Reference::kNew);
  return outcome;
}

Outcome padded_batch(Reference &reference, const OpenCache &open) {
  Outcome outcome;
  Cache cache = open(Reference::kRows, longest(reference));
  Play play = all_rows(reference, cache);
  play.feed(outcome);
  play.step(outcome, Reference::kNew / 2);
  return outcome;
}

Outcome chunked_prefill(Reference &reference, const OpenCache &open) {
  Outcome outcome;
  Cache cache = open(1, longest(reference));
  Play play = first_row(reference, cache, 7);
  play.feed(outcome);
  play.step(outcome, Reference::kNew / 2);
  return outcome;
}

Outcome gather(Reference &reference, const OpenCache &open) {
  Outcome outcome;
  Cache cache = open(4, longest(reference));
  Play play = all_rows(reference, cache);
  play.feed(outcome);
  for (const Tokens &index : {Tokens{2, 0, 0, 1}, Tokens{3, 0}, Tokens{1, 0, 1}}) {
    play.step(outcome, 2);
    play.reorder(index, outcome);
  }
  play.step(outcome, 2);
  return outcome;
}

Outcome truncate(Reference &reference, const OpenCache &open) {
  Outcome outcome;
  Cache cache = open(Reference::kRows, longest(reference));
  Play play = all_rows(reference, cache);
  play.feed(outcome);
  play.step(outcome, 6);
  play.truncate({3, 1, 5}, other_tokens(reference), outcome);
  play.step(outcome, 3);
  return outcome;
}

Outcome clone(Reference &reference, const OpenCache &open) {
  Outcome outcome;
  Cache cache = open(Reference::kRows, longest(reference));
  if (!cache.offers("clone")) return {.refused = "no clone"};
  Play play = all_rows(reference, cache);
  play.feed(outcome);
  play.step(outcome, 2);
  Cache copy = cache.clone();
  Play other(play, copy);
  other.change_ends(other_tokens(reference));
  for (int i = 0; i < 3; ++i) play.step(outcome), other.step(outcome);
  return outcome;
}

std::string saved(const Cache &cache) {
  std::string bytes;
  const kvern_stream_io out{sizeof out, 0, &bytes, [](void *to, void *data, uint64_t size) {
                              static_cast<std::string *>(to)->append(static_cast<const char *>(data), size);
                              return static_cast<int64_t>(size);
                            }};
  cache.save(out);
  return bytes;
}

void load(Cache &cache, std::string_view bytes) {
  const kvern_stream_io in{sizeof in, 0, &bytes, [](void *from, void *data, uint64_t size) {
                             auto &left = *static_cast<std::string_view *>(from);
                             const size_t n = left.copy(static_cast<char *>(data), size);
                             left.remove_prefix(n);
                             return static_cast<int64_t>(n);
                           }};
  cache.load(in);
}

Outcome save_and_load(Reference &reference, const OpenCache &open) {
  Outcome outcome;
  Cache cache = open(Reference::kRows, longest(reference)),
        other = open(Reference::kRows, longest(reference));
  if (!cache.offers("save") || !cache.offers("load")) return {.refused = "no save"};
  Play play = all_rows(reference, cache);
  play.feed(outcome);
  play.step(outcome, 3);
  load(other, saved(cache));
  Play resumed(play, other);
  resumed.step(outcome, 3);
  return outcome;
}

}  // namespace

const std::vector<Scenario> &scenarios() {
  static const std::vector<Scenario> all{{"greedy", greedy},
                                         {"left-padded batch", padded_batch},
                                         {"chunked prefill", chunked_prefill},
                                         {"gather", gather},
                                         {"truncate", truncate},
                                         {"clone", clone},
                                         {"save and load", save_and_load}};
  return all;
}

}  // namespace kvern::matrix
