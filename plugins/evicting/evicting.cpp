// Eviction by attention: each head keeps the keys that its queries look at, and no more than its budget. Positions differ by head;
// keys that are evicted are gone. Policies and their sources: policy.hpp.
#include <kvern/sdk/plugin.hpp>

#include "plugins/evicting/head_layer.hpp"
#include "plugins/evicting/observe.hpp"
#include "plugins/evicting/policy.hpp"

namespace kvern::evicting {
namespace {

using Storage = sdk::LayerStorage<HeadLayer>;

/// One row: how much each of its heads holds. All heads of all layers hold equally many keys.
struct RowState {
  int64_t next = 0;         ///< position of the next token
  int64_t count = 0;        ///< keys of a head; padding is not stored
  int64_t evicted_at = -1;  ///< `next` when keys were evicted last; -1: never
  // of the open step
  int64_t begin = 0, fresh = 0;  ///< its first column that is a token of the text, and how many there are
};

std::vector<int> numbers_of(const sdk::Create &create) {
  std::vector<int> numbers;
  for (std::size_t i = 0; i < create.layers.size(); ++i) {
    if (create.layers[i].kind == KVERN_LAYER_ATTENTION) numbers.push_back(static_cast<int>(i));
  }
  return numbers;
}

/// UNSUPPORTED, with what helps, where the host does not report the attention mass that the policy needs.
void require_mass(const sdk::Create &create, const Settings &settings) {
  const auto &table = create.host.required_extension<kvern_attention_1>(KVERN_ATTENTION_1);
  if (settings.needs_mass() && !KVERN_HAS(&table, kvern_attention_1, run_with_mass))
    sdk::fail(KVERN_UNSUPPORTED,
              "the host does not report attention mass (kvern.attention/1, run_with_mass): ",
              "use policy = \"window+random\"");
}

class Evicting {
 public:
  static constexpr const char *name = "evicting", *version = "1.0.0",
                              *summary =
                                  "keeps the keys that attention looks at, within a budget for each head";
  static constexpr bool runs_on_device = true;
  static std::vector<sdk::Option> options() { return declared_options(); }

  explicit Evicting(const sdk::Create &create)
      : settings_(read_settings(create)),
        numbers_((sdk::require_attention_layers(create), numbers_of(create))),
        host_(create.host),
        observer_((require_mass(create, settings_), create), settings_),
        storage_(create, numbers_, {.expected_slots = create.max_tokens}, true),
        masses_(create.layers.size()) {}

  void begin(const sdk::Step &step) {
    std::vector<RowState> rows = opened_rows(step);
    int64_t need = 0;
    for (const RowState &row : rows) need = std::max(need, row.count + row.fresh);
    const int64_t limit = settings_.budget + kBlock;
    try {
      reserve_step(step, need);
      storage_.reserve({step.rows, held(), need - held(), std::min(need, limit), limit});
    } catch (...) {
      free_step();
      throw;
    }
    fresh_rows_ = rows_.empty();
    rows_ = std::move(rows);
    step_ = &step;
    size_ = need;
    for (const int number : numbers_) place_step(storage_.layer(number));
  }

  void view(int number, kvern_view &view) {
    HeadLayer &layer = storage_.layer(number);
    view.kv_len = size_;
    view.key_pos = layer.positions(0, 0);
    view.row_stride = layer.heads() * layer.stride();
    view.head_stride = layer.stride();
  }

  void update(int number, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    if (k) store(number, *k, v);
    if (out_k) storage_.read(number, {step_->rows, size_}, out_k, out_v);
  }

  void attend(const kvern_attend &request) {
    if (request.k) store(request.layer, *request.k, request.v);
    DLTensor k, v;
    storage_.read(request.layer, {step_->rows, size_}, &k, &v);
    kvern_view view{};
    this->view(request.layer, view);
    StepMass &mass = masses_[request.layer];
    if (settings_.needs_mass()) mass.start(observer_.mover(), planes(*step_), step_->rows, k.shape[1], size_);
    for (int64_t r = 0; r < step_->rows; ++r) {
      const RowState &row = rows_[r];
      observer_.attend({request, view, k, v, r, row.begin, row.begin + row.fresh}, step_->tentative(), mass);
    }
  }

  void end(int64_t n_keep) {
    close([n_keep](int64_t) { return n_keep; });
  }
  void end_rows(sdk::Rows keep) {
    close([keep](int64_t row) { return keep[row]; });
  }

  void reset() {
    rows_.clear();
    storage_.reset();
  }

  void info(int number, kvern_info &info) const {
    info.capacity = info.max_new = info.rollback = -1;
    info.rows = std::ssize(rows_);
    for (const RowState &row : rows_) {
      info.tokens = std::max(info.tokens, row.next);
      if (row.evicted_at < 0) continue;
      const int64_t back = std::max<int64_t>(0, row.next - row.evicted_at);
      info.rollback = info.rollback < 0 ? back : std::min(info.rollback, back);
    }
    info.bytes_device = storage_.bytes(number);
    info.bytes_used = storage_.bytes_used(number, used());
  }

  void gather(sdk::Rows rows) {
    storage_.reserve_rows(std::ssize(rows), used());
    std::vector<RowState> gathered;
    for (const int64_t row : rows) gathered.push_back(rows_[row]);
    storage_.gather(rows, used());
    rows_ = std::move(gathered);
  }

  void append(const Evicting &from) {
    if (from.rows_.empty()) return;
    if (identity() != from.identity())
      sdk::fail(KVERN_INVALID_ARGUMENT, "append: the source has another policy, budget or protected tokens");
    std::vector<RowState> joined = rows_;
    joined.insert(joined.end(), from.rows_.begin(), from.rows_.end());
    storage_.reserve_append(from.storage_, used(), from.used());
    for (const int number : numbers_) {
      HeadLayer &layer = storage_.layer(number);
      layer.append(std::ssize(rows_), 0, from.storage_.layer(number), from.used());
    }
    rows_ = std::move(joined);
  }

  void truncate(sdk::Rows row_pos) {
    for (int64_t r = 0; r < std::ssize(rows_); ++r) require_rollback(r, row_pos[r]);
    for (int64_t r = 0; r < std::ssize(rows_); ++r) {
      RowState &row = rows_[r];
      if (row_pos[r] >= row.next) continue;
      row.count -= std::max<int64_t>(0, row.next) - std::max<int64_t>(0, row_pos[r]);
      row.next = row_pos[r];
    }
    if (held() == 0) rows_.clear();
  }

  std::unique_ptr<Evicting> clone() const { return std::unique_ptr<Evicting>(new Evicting(*this)); }

  void save(sdk::Writer &out) const {
    for (const int64_t option : identity()) out.number(option);
    out.number(std::ssize(rows_));
    out.number(held());
    for (const RowState &row : rows_) {
      for (const int64_t value : {row.next, row.count, row.evicted_at}) out.number(value);
    }
    storage_.save(out, used());
  }
  void load(sdk::Reader &in) {
    rows_.clear();
    for (const int64_t option : identity()) in.expect("an option (policy, budget, protected tokens)", option);
    const int64_t n_rows = in.integer("rows", 0, kMaxRows),
                  slots = in.integer("keys of a head", 0, kMaxLoaded);
    std::vector<RowState> rows;
    for (int64_t r = 0; r < n_rows; ++r) {
      RowState row;
      row.next = in.integer("a position", -kMaxLoaded, kMaxLoaded);
      row.count = in.integer("keys of a row", 0, std::min(slots, std::max<int64_t>(0, row.next)));
      row.evicted_at = in.integer("a position of an eviction", -1, kMaxLoaded);
      rows.push_back(row);
    }
    load_keys(in, n_rows, slots);
    rows_ = std::move(rows);
    for (const int number : numbers_) check_positions(storage_.layer(number));
  }

 private:
  static constexpr int64_t kMaxRows = int64_t{1} << 16, kMaxLoaded = int64_t{1} << 40;

  Evicting(const Evicting &other)
      : settings_(other.settings_),
        numbers_(other.numbers_),
        host_(other.host_),
        observer_(other.observer_),
        storage_(other.storage_, other.used()),
        masses_(other.masses_.size()),
        rows_(other.rows_) {}

  std::vector<int64_t> identity() const {
    return {static_cast<int64_t>(settings_.policy),
            settings_.budget,
            settings_.num_sink_tokens,
            settings_.num_recent_tokens,
            settings_.observation,
            settings_.kernel_size,
            settings_.seed};
  }

  int64_t held() const {
    int64_t max = 0;
    for (const RowState &row : rows_) max = std::max(max, row.count);
    return max;
  }
  sdk::Extent used() const { return held() == 0 ? sdk::Extent{} : sdk::Extent{std::ssize(rows_), held()}; }

  std::vector<RowState> opened_rows(const sdk::Step &step) const {
    if (!rows_.empty() && step.rows != std::ssize(rows_))
      sdk::fail(KVERN_INVALID_ARGUMENT, "a step of ", step.rows, " rows on a cache that holds ",
                rows_.size());
    std::vector<RowState> rows = rows_;
    rows.resize(static_cast<std::size_t>(step.rows));
    for (int64_t r = 0; r < step.rows; ++r) {
      RowState &row = rows[r];
      if (rows_.empty()) row.next = step.row_pos[r];
      if (step.row_new[r] > 0 && step.row_pos[r] != row.next) {
        sdk::fail(KVERN_INVALID_ARGUMENT, "row ", r, " continues at position ", step.row_pos[r],
                  ", but it ended before ", row.next);
      }
      row.begin = std::clamp<int64_t>(-row.next, 0, step.row_new[r]);
      row.fresh = step.row_new[r] - row.begin;
    }
    return rows;
  }

  /// Queries that are observed apart.
  static int64_t planes(const sdk::Step &step) { return step.tentative() ? step.n_new : 1; }

  void reserve_step(const sdk::Step &step, int64_t slots) {
    observer_.begin(step);
    if (!settings_.needs_mass() || !observer_.mover().on_device()) return;
    for (const int number : numbers_)
      masses_[number].reserve(host_, planes(step), step.rows, storage_.layer(number).heads(), slots);
  }
  void free_step() {
    observer_.end();
    for (StepMass &mass : masses_) mass.clear();
  }

  /// Positions of the open step's keys; the other slots are of no key.
  void place_step(HeadLayer &layer) {
    for (int64_t r = 0; r < step_->rows; ++r) {
      const RowState &row = rows_[r];
      for (int64_t head = 0; head < layer.heads(); ++head) {
        int64_t *positions = layer.positions(r, head);
        for (int64_t slot = row.count; slot < size_; ++slot)
          positions[slot] = slot < row.count + row.fresh ? row.next + row.begin + slot - row.count : -1;
        std::fill(layer.scores(r, head) + row.count, layer.scores(r, head) + size_, 0.0f);
      }
    }
  }

  void store(int number, const DLTensor &k, const DLTensor *v) {
    if (k.shape[2] != step_->n_new)
      sdk::fail(KVERN_UNSUPPORTED, "this cache imports all tokens of a layer or none");
    HeadLayer &layer = storage_.layer(number);
    for (int64_t r = 0; r < step_->rows; ++r) {
      const RowState &row = rows_[r];
      layer.store_row(r, row.count, k, v, row.begin, row.fresh);
      if (row.count + row.fresh < size_) layer.clear(r, row.count + row.fresh, size_);
    }
  }

  template <class Keep>
  void close(Keep keep) {
    int64_t most = 0;
    for (int64_t r = 0; r < step_->rows; ++r)
      most = std::max(most, std::min<int64_t>(keep(r), step_->row_new[r]));
    for (StepMass &mass : masses_)
      if (most > 0) mass.finish(observer_.mover());
    for (int64_t r = 0; r < step_->rows; ++r) {
      const int64_t kept = std::min<int64_t>(keep(r), step_->row_new[r]);
      RowState &row = rows_[r];
      row.count += std::max<int64_t>(0, kept - row.begin);
      row.next += kept;
      if (kept > 0) score(r, kept);
      if (row.count >= settings_.budget + kBlock) evict(r);
    }
    if (fresh_rows_ && most == 0) rows_.clear();
    storage_.commit(used(), {});
    free_step();
    step_ = nullptr;
  }

  /// Adds what the step's queries saw, as far as they are kept.
  void score(int64_t r, int64_t kept) {
    const RowState &row = rows_[r];
    for (const int number : numbers_) {
      const StepMass &mass = masses_[number];
      if (!mass.is_known()) continue;
      if (!step_->tentative()) {
        add_scores(storage_.layer(number), r, mass, 0, observed_queries(settings_, row.fresh));
        continue;
      }
      for (int64_t i = row.begin; i < kept; ++i) add_scores(storage_.layer(number), r, mass, i, 1);
    }
  }
  void add_scores(HeadLayer &layer, int64_t r, const StepMass &mass, int64_t plane, int64_t queries) {
    if (queries == 0) return;
    for (int64_t head = 0; head < layer.heads(); ++head) {
      const float *from = mass.of(plane, r, head);
      float *scores = layer.scores(r, head);
      for (int64_t slot = 0; slot < rows_[r].count; ++slot)
        scores[slot] = updated_score(settings_, scores[slot], from[slot], queries);
    }
  }

  /// Down to the budget, in every head.
  void evict(int64_t r) {
    RowState &row = rows_[r];
    for (const int number : numbers_) {
      HeadLayer &layer = storage_.layer(number);
      if (settings_.policy == Policy::tova) average_scores(layer, r);
      std::vector<std::vector<int64_t>> keep;
      for (int64_t head = 0; head < layer.heads(); ++head) {
        const auto n = static_cast<std::size_t>(row.count);
        const auto salt = static_cast<uint64_t>(number * 1024 + head);
        keep.push_back(keys_to_keep(
            settings_, {{layer.positions(r, head), n}, {layer.scores(r, head), n}, row.next, salt}));
      }
      layer.compact(r, row.count, keep);
    }
    row.count = settings_.budget;
    row.evicted_at = row.next;
  }

  void average_scores(HeadLayer &layer, int64_t r) const {
    for (int64_t slot = 0; slot < rows_[r].count; ++slot) {
      float sum = 0;
      for (int64_t head = 0; head < layer.heads(); ++head) sum += layer.scores(r, head)[slot];
      for (int64_t head = 0; head < layer.heads(); ++head) layer.scores(r, head)[slot] = sum;
    }
  }

  void require_rollback(int64_t r, int64_t position) const {
    const RowState &row = rows_[r];
    if (row.evicted_at < 0 || position >= std::min(row.evicted_at, row.next)) return;
    sdk::fail(KVERN_UNSUPPORTED, "truncate: row ", r, " would lose ", row.next - position,
              " tokens, but only the last ", std::max<int64_t>(0, row.next - row.evicted_at),
              " can be taken back: keys before them were evicted");
  }

  /// Memory as the bytes arrive.
  void load_keys(sdk::Reader &in, int64_t rows, int64_t slots) {
    storage_.release();
    if (slots > settings_.budget + kBlock)
      sdk::fail(KVERN_BAD_DATA, "the saved cache has ", slots, " keys of a head, this one takes ",
                settings_.budget + kBlock);
    storage_.load(in, {rows, slots});
  }

  /// BAD_DATA unless each head's positions ascend below its row's next one.
  void check_positions(HeadLayer &layer) const {
    for (int64_t r = 0; r < std::ssize(rows_); ++r) {
      for (int64_t head = 0; head < layer.heads(); ++head) {
        int64_t before = -1;
        for (int64_t slot = 0; slot < rows_[r].count; ++slot) {
          const int64_t position = layer.positions(r, head)[slot];
          if (position <= before || position >= rows_[r].next)
            sdk::fail(KVERN_BAD_DATA, "the saved cache has positions that do not ascend");
          before = position;
        }
      }
    }
  }

  Settings settings_;
  std::vector<int> numbers_;
  sdk::Host host_;
  Observer observer_;
  Storage storage_;
  std::vector<StepMass> masses_;  // [layers] of the open step
  std::vector<RowState> rows_;
  const sdk::Step *step_ = nullptr;
  int64_t size_ = 0;         // slots that the step's queries see
  bool fresh_rows_ = false;  // the open step is the first
};

}  // namespace
}  // namespace kvern::evicting

KVERN_PLUGIN(kvern::evicting::Evicting)
