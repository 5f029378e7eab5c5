// Proves that a decorator can move any cache's memory: the inner cache gets a host table whose buffers are in place only while
// their layer is at work. It moves whole buffers; which slices must move is what the map call says.
#include <kvern/sdk/inner.hpp>
#include <kvern/sdk/plugin.hpp>

#include <set>

namespace {
using namespace kvern::sdk;

struct Moving : kvern_buffer {
  kvern_buffer *home = nullptr;
  int64_t bytes = 0, size = 1;  // size: of the first axis
  int32_t layer = -1;
  bool changed = false;
  std::vector<char> near;
};

struct Arena {
  explicit Arena(const kvern_host *real) : real(real), table(*real) {
    table.ctx = this;
    table.log = nullptr;
    table.alloc = [](void *ctx, const DLTensor *shape, int32_t layer, kvern_buffer **out,
                     kvern_error *error) {
      auto &arena = *static_cast<Arena *>(ctx);
      auto made = std::make_unique<Moving>();
      if (const kvern_status bad = arena.real->alloc(arena.real->ctx, shape, layer, &made->home, error))
        return bad;
      made->bytes = shape->dtype.bits / 8, made->layer = layer, made->size = shape->shape[0];
      for (int i = 0; i < shape->ndim; ++i) made->bytes *= shape->shape[i];
      arena.all.insert(made.get());
      *out = made.release();
      return kvern_status{KVERN_OK};
    };
    table.release = [](void *ctx, kvern_buffer *buffer) {
      auto &arena = *static_cast<Arena *>(ctx);
      std::unique_ptr<Moving> gone(static_cast<Moving *>(buffer));
      if (!gone) return;
      arena.all.erase(gone.get());
      arena.real->release(arena.real->ctx, gone->home);
    };
    table.map = [](void *ctx, kvern_buffer *buffer, const kvern_span *, const kvern_span *writes, void **out,
                   kvern_error *error) {
      auto &arena = *static_cast<Arena *>(ctx);
      auto &wanted = *static_cast<Moving *>(buffer);
      if (wanted.layer < 0) return arena.real->map(arena.real->ctx, wanted.home, nullptr, writes, out, error);
      arena.enter(wanted.layer);
      if (wanted.near.empty()) wanted.near.assign(arena.far(wanted), arena.far(wanted) + wanted.bytes);
      wanted.changed |= writes != nullptr;
      *out = wanted.near.data();
      return kvern_status{KVERN_OK};
    };
    table.get_extension = [](void *ctx, const char *id) {
      auto &arena = *static_cast<Arena *>(ctx);
      return arena.real->get_extension(arena.real->ctx, id);
    };
  }

  char *far(const Moving &buffer) const {
    void *address = nullptr;
    kvern_error error = empty_error();
    const kvern_span all{0, 0, 0, buffer.size};
    require(real->map(real->ctx, buffer.home, nullptr, &all, &address, &error), error);
    return static_cast<char *>(address);
  }
  /// Another layer's turn: the memory of the others goes home, and where it was there is poison.
  void enter(int32_t layer) {
    for (Moving *buffer : all) {
      if (buffer->near.empty() || buffer->layer == layer) continue;
      if (buffer->changed)
        std::memcpy(far(*buffer), buffer->near.data(), static_cast<std::size_t>(buffer->bytes));
      std::fill(buffer->near.begin(), buffer->near.end(), static_cast<char>(0xFF));
      buffer->near = {};
      buffer->changed = false;
    }
  }

  const kvern_host *real;
  kvern_host table;
  std::set<Moving *> all;
};

class TinyOffload {
 public:
  static constexpr const char *name = "tiny_offload", *version = "0",
                              *summary = "keeps another cache's memory elsewhere";
  static std::vector<Option> options() {
    return {string_option("inner", "dynamic"), table_option("inner_config")};
  }

  explicit TinyOffload(const Create &create)
      : arena_(std::make_shared<Arena>(create.host.table())), inner_(make(create)) {}
  TinyOffload(std::shared_ptr<Arena> arena, Inner inner)
      : arena_(std::move(arena)), inner_(std::move(inner)) {}

  bool offers(Verb verb) const { return inner_.offers(verb); }
  void begin(const Step &step) { inner_.begin(step); }
  void view(int layer, kvern_view &view) { inner_.view(layer, view); }
  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    arena_->enter(layer), inner_.update(layer, k, v, out_k, out_v);
  }
  void attend(const kvern_attend &request) { arena_->enter(request.layer), inner_.attend(request); }
  void state(int layer, int slot, DLTensor *read, DLTensor *write) {
    arena_->enter(layer), inner_.state(layer, slot, read, write);
  }
  void end(int64_t n) { inner_.end(n); }
  void end_rows(Rows keep) { inner_.end_rows(keep); }
  void reset() { inner_.reset(); }
  void info(int layer, kvern_info &info) const { info = inner_.info(layer); }
  void gather(Rows rows) { inner_.gather(rows); }
  void append(const TinyOffload &from) { inner_.append(from.inner_); }
  void truncate(Rows row_pos) { inner_.truncate(row_pos); }
  std::unique_ptr<TinyOffload> clone() const { return std::make_unique<TinyOffload>(arena_, inner_.clone()); }
  void save(Writer &out) const { inner_.save(out); }
  void load(Reader &in) { inner_.load(in); }

 private:
  Inner make(const Create &create) const {
    const OptionItems options = create.options.table("inner_config");
    kvern_create inner = *create.raw;
    inner.options = options.data(), inner.n_options = static_cast<uint32_t>(options.size());
    return Inner(&arena_->table, Inner::find(create.host, create.options.string("inner"), options), inner);
  }

  std::shared_ptr<Arena> arena_;
  Inner inner_;
};
}  // namespace
KVERN_PLUGIN(TinyOffload)
