#include "core/generation/beams/search.hpp"

#include <algorithm>
#include <utility>

#include "core/generation/beams/result.hpp"
#include "core/generation/scores.hpp"
#include "core/torch/torch.hpp"

namespace kvern {
namespace {

constexpr float kUnusedBeam = -1e9f;  // score of beams that begin as copies of the first

using Index = std::vector<int64_t>;

/// A group of beams of one prompt: neighbouring rows, until it is done.
struct Group {
  int64_t prompt, index;  ///< of its prompt, and among the groups of that
  Hypotheses hypotheses;
  std::vector<float> scores;  ///< of its beams
  Index parents, tokens;      ///< which beams the next ones continue, and with what
  int64_t first_row = 0;
  bool done = false;
};

EarlyStopping early_stopping(const GenerationConfig &config) {
  const Option value = config.get(option::early_stopping);
  if (std::holds_alternative<std::string>(value.value)) return EarlyStopping::at_any_length;
  return std::get<bool>(value.value) ? EarlyStopping::always : EarlyStopping::at_present_length;
}

class BeamSearch {
 public:
  BeamSearch(GenerationLoop &loop, const BeamPicker &pick);
  void run();

 private:
  void step(const at::Tensor &logits);
  at::Tensor process(int64_t group, const Index &rows, const at::Tensor &logits);
  void step_group(int64_t group, const at::Tensor &logits, at::Tensor &all_scores);
  void choose(Group &group, const float *scores, const int64_t *ids, int64_t n, int64_t vocab_size);
  void end_hypothesis(Group &group, int64_t beam, float sum);
  bool advance(const std::vector<Index> &rows_before);
  void reorder_processors(const std::vector<Index> &rows_before);
  void finish();

  std::vector<Group *> running(int64_t group);
  Index rows_of(const std::vector<Group *> &groups) const;
  bool is_eos(int64_t id) const { return std::find(eos_.begin(), eos_.end(), id) != eos_.end(); }
  int64_t new_tokens() const { return loop_.sequences().length() - prompt_length_; }

  GenerationLoop &loop_;
  const BeamPicker &pick_;
  const int64_t n_groups_, group_size_, prompt_length_;
  const Index eos_;
  std::vector<Group> groups_;                 // of the first prompt, then of the second ...
  std::vector<Index> indices_;                // [R] beams that each row has continued
  std::vector<LogitsProcessors> processors_;  // of each group number, for its rows that run
  TokenRows chosen_;                          // [prompts] by the groups before, in this step
  TokenRows chosen_of_rows_;                  // the same for the rows that are processed
  int64_t step_ = 0;
};

BeamSearch::BeamSearch(GenerationLoop &loop, const BeamPicker &pick)
    : loop_(loop),
      pick_(pick),
      n_groups_(loop.config().get(option::num_beam_groups)),
      group_size_(loop.config().get(option::num_beams) / n_groups_),
      prompt_length_(loop.sequences().length()),
      eos_(loop.config().get(option::eos_token_id)) {
  const auto &config = loop.config();
  const auto rows = static_cast<int64_t>(loop.sequences().ids().size());
  const Hypotheses none(group_size_, config.get(option::length_penalty), early_stopping(config),
                        length_limit(config, prompt_length_) - prompt_length_);
  std::vector<float> scores(static_cast<size_t>(group_size_), kUnusedBeam);
  scores[0] = 0;
  for (int64_t row = 0; row < rows; row += group_size_) {
    const int64_t group = row / group_size_;
    groups_.push_back({group / n_groups_, group % n_groups_, none, scores, {}, {}, row});
  }
  indices_.resize(static_cast<size_t>(rows));
  for (int64_t g = 0; g < n_groups_; ++g)
    processors_.push_back(
        loop.processors_for(rows_of(running(g)), n_groups_ > 1 ? &chosen_of_rows_ : nullptr));
}

std::vector<Group *> BeamSearch::running(int64_t index) {
  std::vector<Group *> result;
  for (Group &group : groups_)
    if (!group.done && group.index == index) result.push_back(&group);
  return result;
}

Index BeamSearch::rows_of(const std::vector<Group *> &groups) const {
  Index rows;
  for (const Group *group : groups)
    for (int64_t i = 0; i < group_size_; ++i) rows.push_back(group->first_row + i);
  return rows;
}

// ---- a step

at::Tensor BeamSearch::process(int64_t index, const Index &rows, const at::Tensor &logits) {
  const bool all = static_cast<int64_t>(rows.size()) == logits.size(0);
  at::Tensor scores = (all ? logits : logits.index_select(0, at::tensor(rows, at::kLong))).log_softmax(-1);
  if (processors_[index].empty()) return scores;
  const auto ids = loop_.sequences().tensor(rows);
  for (const auto &process : processors_[index]) scores = (*process)(ids, scores);
  return scores;
}

void BeamSearch::end_hypothesis(Group &group, int64_t beam, float sum) {
  const auto row = static_cast<size_t>(group.first_row + beam);
  Hypothesis ended{0, loop_.sequences().ids()[row], indices_[row], true};
  ended.beam_indices.push_back((group.prompt * n_groups_ + group.index) * group_size_ + beam);
  group.hypotheses.add(std::move(ended), sum, new_tokens() + 1);
}

/// Candidates that end a sequence become hypotheses, the others the next beams.
void BeamSearch::choose(Group &group, const float *scores, const int64_t *ids, int64_t n,
                        int64_t vocab_size) {
  if (!(scores[0] > static_cast<float>(kFiltered))) throw no_token_error(loop_.config());
  group.parents.clear(), group.tokens.clear();
  std::vector<float> next;
  for (int64_t rank = 0; rank < n && static_cast<int64_t>(next.size()) < group_size_; ++rank) {
    const int64_t beam = ids[rank] / vocab_size, token = ids[rank] % vocab_size;
    if (!is_eos(token)) {
      group.parents.push_back(beam);
      group.tokens.push_back(token);
      next.push_back(scores[rank]);
    } else if (rank < group_size_ && scores[rank] > static_cast<float>(kFiltered)) {
      end_hypothesis(group, beam, scores[rank]);
    }
  }
  if (static_cast<int64_t>(next.size()) < group_size_)
    throw Error(ErrorKind::config,
                "num_beams = " + std::to_string(n_groups_ * group_size_) +
                    ": the vocabulary has too few ids that do not end a sequence; use fewer beams");
  group.scores = std::move(next);
  // where processors let no beam go on, what has ended is all there is
  const bool none_goes_on =
      !(group.scores.front() > static_cast<float>(kFiltered)) && !group.hypotheses.list().empty();
  group.done = none_goes_on || group.hypotheses.is_done(scores[0], new_tokens() + 1);
}

void BeamSearch::step_group(int64_t index, const at::Tensor &logits, at::Tensor &all_scores) {
  const auto groups = running(index);
  if (groups.empty()) return;
  const Index rows = rows_of(groups);
  chosen_of_rows_.clear();
  std::vector<float> sums;
  Index prompts;
  for (const Group *group : groups) {
    chosen_of_rows_.insert(chosen_of_rows_.end(), static_cast<size_t>(group_size_), chosen_[group->prompt]);
    sums.insert(sums.end(), group->scores.begin(), group->scores.end());
    prompts.push_back(group->prompt);
  }
  const int64_t vocab_size = logits.size(1), width = group_size_ * vocab_size;
  const auto scores = process(index, rows, logits);
  if (all_scores.defined()) all_scores.index_copy_(0, at::tensor(rows, at::kLong), scores);
  const auto eos_ids = static_cast<int64_t>(eos_.size());
  const int64_t n = std::min(width, std::max<int64_t>(2, 1 + eos_ids) * group_size_);
  const auto candidates = pick_((scores + at::tensor(sums).unsqueeze(1)).view({-1, width}), prompts, n);
  const auto best = candidates.scores.contiguous(), ids = candidates.ids.contiguous();
  for (size_t u = 0; u < groups.size(); ++u)
    choose(*groups[u], best.const_data_ptr<float>() + static_cast<int64_t>(u) * n,
           ids.const_data_ptr<int64_t>() + static_cast<int64_t>(u) * n, n, vocab_size);
}

void BeamSearch::step(const at::Tensor &logits) {
  const auto &events = loop_.events();
  if (events.on_logits) events.on_logits(step_, logits);
  at::Tensor scores = events.on_scores ? at::empty_like(logits) : at::Tensor();
  chosen_.assign(groups_.size() / static_cast<size_t>(n_groups_), {});
  for (int64_t index = 0; index < n_groups_; ++index) {
    // groups that were done before this step count with padding, as in transformers
    for (Group &group : groups_)
      if (group.index == index && group.done)
        group.tokens.assign(static_cast<size_t>(group_size_), loop_.sequences().pad());
    step_group(index, logits, scores);
    for (const Group &group : groups_)
      if (group.index == index)
        chosen_[group.prompt].insert(chosen_[group.prompt].end(), group.tokens.begin(), group.tokens.end());
  }
  if (events.on_scores) events.on_scores(step_, scores);
  ++step_;
}

// ---- from step to step

/// Processors of each group number follow its rows.
void BeamSearch::reorder_processors(const std::vector<Index> &rows_before) {
  for (int64_t index = 0; index < n_groups_; ++index) {
    Index rows;
    const Index &before = rows_before[static_cast<size_t>(index)];
    for (const Group *group : running(index)) {
      const auto first = std::find(before.begin(), before.end(), group->first_row) - before.begin();
      for (const int64_t parent : group->parents) rows.push_back(first + parent);
    }
    for (const auto &process : processors_[static_cast<size_t>(index)]) process->reorder(rows);
  }
}

/// Rows become what the chosen beams are; those of groups that are done are dropped. False: nothing is left to do.
bool BeamSearch::advance(const std::vector<Index> &rows_before) {
  reorder_processors(rows_before);
  Index parents, tokens;
  std::vector<Index> indices;
  for (Group &group : groups_) {
    if (group.done) continue;
    const int64_t first = std::exchange(group.first_row, static_cast<int64_t>(parents.size()));
    for (size_t i = 0; i < group.parents.size(); ++i) {
      const int64_t row = first + group.parents[i];
      parents.push_back(row);
      tokens.push_back(group.tokens[i]);
      indices.push_back(indices_[static_cast<size_t>(row)]);
      indices.back().push_back((group.prompt * n_groups_ + group.index) * group_size_ + group.parents[i]);
    }
  }
  if (parents.empty()) return false;
  indices_ = std::move(indices);
  loop_.sequences().reorder(parents);
  loop_.sequences().extend(tokens);
  if (loop_.sequences().all_end() || loop_.reached_limit()) return false;
  loop_.reorder_cache(parents);
  return true;
}

void BeamSearch::finish() {
  std::vector<std::vector<Hypothesis>> result(groups_.size() / static_cast<size_t>(n_groups_));
  for (Group &group : groups_) {
    for (int64_t i = 0; i < group_size_ && !group.done; ++i) {
      const auto row = static_cast<size_t>(group.first_row + i);
      group.hypotheses.add({0, loop_.sequences().ids()[row], indices_[row], false},
                           group.scores[static_cast<size_t>(i)], new_tokens());
    }
    auto &of_prompt = result[static_cast<size_t>(group.prompt)];
    for (const Hypothesis &hypothesis : group.hypotheses.list()) of_prompt.push_back(hypothesis);
  }
  set_beam_result(loop_, std::move(result), prompt_length_);
}

void BeamSearch::run() {
  at::Tensor logits = loop_.prefill();
  for (;;) {
    std::vector<Index> rows;
    for (int64_t index = 0; index < n_groups_; ++index) rows.push_back(rows_of(running(index)));
    step(logits);
    if (!advance(rows)) break;
    logits = loop_.decode();
  }
  finish();
}

}  // namespace

/// The n largest of a row, in order; of equal ones the first.
static void select_best(const float *row, int64_t size, int64_t n, float *scores, int64_t *ids) {
  int64_t found = 0;
  for (int64_t i = 0; i < size; ++i) {
    if (found == n && !(row[i] > scores[n - 1])) continue;
    int64_t at = found < n ? found++ : n - 1;
    for (; at > 0 && row[i] > scores[at - 1]; --at) scores[at] = scores[at - 1], ids[at] = ids[at - 1];
    scores[at] = row[i], ids[at] = i;
  }
}

BeamCandidates best_candidates(const at::Tensor &scores, const std::vector<int64_t> &, int64_t n) {
  const auto rows = scores.contiguous();
  const int64_t size = rows.size(1);
  const auto best = at::empty({rows.size(0), n}), ids = at::empty({rows.size(0), n}, at::kLong);
  for (int64_t r = 0; r < rows.size(0); ++r)
    select_best(rows.const_data_ptr<float>() + r * size, size, n, best.data_ptr<float>() + r * n,
                ids.data_ptr<int64_t>() + r * n);
  return {best, ids};
}

void run_beam_search(GenerationLoop &loop, const BeamPicker &pick) { BeamSearch(loop, pick).run(); }

}  // namespace kvern
