// A decorator that keeps its inner cache's memory in pinned host memory: on the device are the layer at work and the next one.
#pragma once
#include <kvern/sdk/decorator.hpp>
#include <kvern/sdk/offload/pinned_host.hpp>

KVERN_SDK_BEGIN

/// The base of `offloaded` and `offloaded_static`: `class Mine : public Offloading<Mine>`. It has all verbs of the inner cache.
template <class Self>
class Offloading : public Decorator<Self, PinnedHost> {
  using Base = Decorator<Self, PinnedHost>;

 public:
  static constexpr bool runs_on_device = true;

  void begin(const Step &step) {
    in_arena([&] { Base::begin(step); });
  }
  void view(int layer, kvern_view &view) {
    in_arena([&] { Base::view(layer, view); });
  }
  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    in_arena([&] { Base::update(layer, k, v, out_k, out_v); });
  }
  void attend(const kvern_attend &request) {
    in_arena([&] { Base::attend(request); });
  }
  void state(int layer, int slot, DLTensor *read, DLTensor *write) {
    in_arena([&] { Base::state(layer, slot, read, write); });
  }
  void end(int64_t n_keep) {
    in_arena([&] { Base::end(n_keep), leave(); });
  }
  void end_rows(Rows row_keep) {
    in_arena([&] { Base::end_rows(row_keep), leave(); });
  }
  void reset() {
    in_arena([&] {
      Base::reset();
      if (arena_) arena_->forget();
    });
  }
  void gather(Rows rows) {
    in_arena([&] { Base::gather(rows), leave(); });
  }
  void append(const Self &from) {
    in_arena([&] { Base::append(from), leave(); });
  }
  void truncate(Rows row_pos) {
    in_arena([&] { Base::truncate(row_pos), leave(); });
  }
  void save(Writer &out) const {
    in_arena([&] { Base::save(out); });
  }
  void load(Reader &in) {
    in_arena([&] { Base::load(in), leave(); });
  }

  /// What the inner cache counts as memory of the device is pinned host memory, but for the blocks of resident layers.
  void info(int layer, kvern_info &info) const {
    Base::info(layer, info);
    if (!arena_) return;
    const int64_t pinned = arena_->host_bytes(layer);
    info.bytes_host += pinned;
    info.bytes_device -= pinned;
    if (layer < 0) info.bytes_device += arena_->device_bytes();
  }

  std::unique_ptr<Self> clone() const {
    std::shared_ptr<OffloadArena> arena = const_cast<Offloading *>(this)->host().make_arena();
    const PinnedHost::ArenaScope scope(arena);
    std::unique_ptr<Self> made(new Self(static_cast<const Self &>(*this)));
    made->arena_ = std::move(arena);
    return made;
  }

 protected:
  explicit Offloading(const Create &create) : Offloading(create, Base::options_of(create)) {}
  Offloading(const Create &create, OptionItems inner_options) : Base(create, inner_options) {
    arena_ = Base::host().take_first();
    if (!arena_)
      create.host.log(KVERN_LOG_INFO, text(Self::name, ": the cache lives on the CPU, nothing is moved"));
  }
  /// Of a clone: its arena is set by clone().
  Offloading(const Offloading &other) : Base(other) {}

 private:
  template <class Call>
  void in_arena(Call &&call) const {
    const PinnedHost::ArenaScope scope(arena_);
    call();
  }
  void leave() {
    if (arena_) arena_->leave();
  }

  std::shared_ptr<OffloadArena> arena_;  // NULL on a CPU
};

KVERN_SDK_END
