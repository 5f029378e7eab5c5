#include "core/generation/row_states.hpp"

#include <algorithm>
#include <random>
#include <set>

#include "core/generation/ngrams.hpp"
#include "core/generation/testing/processors.hpp"
#include "core/torch/torch.hpp"

using namespace kvern;
using namespace kvern::test;
using Ids = std::vector<int64_t>;

namespace {

constexpr int64_t kVocab = 12;

/// By the definition: all n-grams of `known` are looked at.
std::set<int64_t> slow_completions(const Ids &known, const Ids &ids, size_t n) {
  std::set<int64_t> result;
  for (size_t i = 0; i + n <= known.size() && ids.size() + 1 >= n; ++i)
    if (std::equal(ids.end() - static_cast<ptrdiff_t>(n - 1), ids.end(),
                   known.begin() + static_cast<ptrdiff_t>(i)))
      result.insert(known[i + n - 1]);
  return result;
}

/// As transformers: gather, where, scatter.
at::Tensor slow_penalty(const at::Tensor &ids, const at::Tensor &scores, double penalty) {
  auto seen = scores.gather(1, ids);
  seen = at::where(seen < 0, seen * penalty, seen / penalty);
  return scores.scatter(1, ids, seen);
}

at::Tensor slow_no_repeat(const IdRows &rows, const at::Tensor &scores, size_t n) {
  auto result = scores.clone();
  for (size_t r = 0; r < rows.size(); ++r)
    for (const int64_t id : slow_completions(rows[r], rows[r], n))
      result[static_cast<int64_t>(r)][id] = kFiltered;
  return result;
}

LogitsProcessors processors_of(const std::string &name, const Option &value, const IdRows &prompt) {
  GenerationConfig config;
  set_option(config, name, value);
  return make_processors(config, {ids_tensor(prompt), 1000});
}

/// Rows that grow, are reordered as beams are, and are cut as drafts are; each step is compared with `slow`.
template <class Slow>
void compare_with(const std::string &name, const Option &value, const Slow &slow) {
  std::mt19937 random(7);
  IdRows rows{{1, 2, 3, 1, 2}, {4, 4, 4, 4, 4}, {5, 0, 5, 0, 5}};
  const auto processors = processors_of(name, value, rows);
  REQUIRE(processors.size() == 1);
  for (int step = 0; step < 60; ++step) {
    const auto scores = at::rand({static_cast<int64_t>(rows.size()), kVocab}) - 0.5;
    const auto got = (*processors[0])(ids_tensor(rows), scores);
    CHECK(at::equal(got, slow(rows, scores)));
    if (random() % 4 == 0) {
      std::vector<int64_t> index;
      for (size_t i = 0; i < rows.size(); ++i) index.push_back(static_cast<int64_t>(random() % rows.size()));
      const IdRows before = rows;
      for (size_t i = 0; i < rows.size(); ++i) rows[i] = before[static_cast<size_t>(index[i])];
      processors[0]->reorder(index);
    }
    if (random() % 5 == 0) {
      const size_t length = rows[0].size() - random() % 4;
      for (auto &row : rows) row.resize(length);
      processors[0]->truncate(static_cast<int64_t>(length));
    }
    for (auto &row : rows) row.push_back(static_cast<int64_t>(random() % (step % 2 == 0 ? 3 : kVocab)));
  }
}

}  // namespace

TEST_CASE("The repetition penalty that is kept by row is that of the whole row, through beams and drafts") {
  compare_with("repetition_penalty", to_option(1.7), [](const IdRows &rows, const at::Tensor &scores) {
    return slow_penalty(ids_tensor(rows), scores, 1.7);
  });
}

TEST_CASE("n-grams that are kept by row are those of the whole row, through beams and drafts") {
  for (const int64_t n : {1, 2, 3, 5})
    compare_with("no_repeat_ngram_size", to_option(n), [n](const IdRows &rows, const at::Tensor &scores) {
      return slow_no_repeat(rows, scores, static_cast<size_t>(n));
    });
}

TEST_CASE("Processors of the prompt look at the prompt of each row, whatever follows") {
  const IdRows prompts{{1, 2, 3, 1}, {4, 5, 4, 5}};
  const auto penalty = processors_of("encoder_repetition_penalty", to_option(2.0), prompts);
  const auto ngrams = processors_of("encoder_no_repeat_ngram_size", to_option(int64_t{2}), prompts);
  IdRows rows = prompts;
  std::mt19937 random(9);
  for (int step = 0; step < 20; ++step) {
    for (auto &row : rows) row.push_back(static_cast<int64_t>(random() % 6));
    const auto scores = at::rand({2, kVocab}) - 0.5;
    CHECK(at::equal((*penalty[0])(ids_tensor(rows), scores), slow_penalty(ids_tensor(prompts), scores, 0.5)));
    auto want = scores.clone();
    for (size_t r = 0; r < 2; ++r)
      for (const int64_t id : slow_completions(prompts[r], rows[r], 2))
        want[static_cast<int64_t>(r)][id] = kFiltered;
    CHECK(at::equal((*ngrams[0])(ids_tensor(rows), scores), want));
  }
}

TEST_CASE("Rows that were exchanged without a word are looked at anew") {
  RowStates<DifferentIds> states;
  const Ids first{1, 2, 3}, other{4, 5, 6};
  CHECK(states.of(0, 1, first).ids() == first);
  CHECK(states.of(0, 1, other).ids() == other);
  CHECK(states.of(0, 1, Ids{4}).ids() == Ids{4});
}
