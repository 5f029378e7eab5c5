// A conforming cache with one defect, that the option `defect` names. What is broken is one verb of its table, or what its layers
// remember; each is a mistake that an author makes. tests/check/broken_test.cpp has the rule for each.
#include <fcntl.h>
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <kvern/sdk/key_cache.hpp>
#include <kvern/sdk/plugin.hpp>
#include <limits>
#include <map>

namespace {

namespace sdk = kvern::sdk;

/// Of the layer that reads keys which it was given in the step before, though they are another's now.
class Layer : public sdk::DenseLayer {
 public:
  explicit Layer(const sdk::LayerCreate &layer)
      : DenseLayer(layer), keeps_borrowed_(layer.create.options.string("defect") == "borrowed") {}

  void store(int64_t slot, const DLTensor &k, const DLTensor *v) {
    DenseLayer::store(slot, k, v);
    if (keeps_borrowed_) last_ = now_, now_ = {static_cast<const float *>(k.data), slot};
  }
  void read(const sdk::Extent &used, sdk::OutTensor &k_desc, DLTensor *k, sdk::OutTensor &v_desc,
            DLTensor *v) const {
    DenseLayer::read(used, k_desc, k, v_desc, v);
    if (last_.data && last_.slot < used.slots)
      static_cast<float *>(k->data)[last_.slot * k->strides[2]] = *last_.data;
  }
  Layer copy(const sdk::Extent &used) const { return Layer(DenseLayer::copy(used)); }

 private:
  struct Borrowed {
    const float *data = nullptr;
    int64_t slot = 0;
  };
  explicit Layer(DenseLayer &&dense) : DenseLayer(std::move(dense)) {}

  bool keeps_borrowed_ = false;
  Borrowed last_, now_;
};

class Defects : public sdk::KeyCache<sdk::LayerStorage<Layer>> {
 public:
  static constexpr const char *name = "defects", *version = "1.0.0",
                              *summary = "has the defect that an option names";
  static std::vector<sdk::Option> options() { return {sdk::string_option("defect", "none")}; }

  explicit Defects(const sdk::Create &create) : KeyCache(create, {.expected_slots = create.max_tokens}) {}
  std::unique_ptr<Defects> clone() const { return std::unique_ptr<Defects>(new Defects(*this)); }

 private:
  Defects(const Defects &) = default;
};

kvern_cache_ops good;  // as the SDK made them: the same for all caches
const kvern_host *host_of_all = nullptr;
void (*change)(kvern_cache_ops &);  // the defect

float *first_key(const DLTensor *k) { return static_cast<float *>(k->data); }

/// An update that does something to what it exports.
template <void (*Do)(DLTensor &, DLTensor &)>
kvern_status update_and(kvern_cache *cache, int32_t layer, const DLTensor *k, const DLTensor *v,
                        DLTensor *out_k, DLTensor *out_v, kvern_error *error) {
  const kvern_status status = good.update(cache, layer, k, v, out_k, out_v, error);
  if (status == KVERN_OK && out_k) Do(*out_k, *out_v);
  return status;
}
void write_nan(DLTensor &k, DLTensor &) { *first_key(&k) = std::numeric_limits<float>::quiet_NaN(); }
void swap_parts(DLTensor &k, DLTensor &v) { std::swap(k, v); }
void shorten(DLTensor &k, DLTensor &v) { --k.shape[2], --v.shape[2]; }
void as_doubles(DLTensor &k, DLTensor &) { k.dtype.bits = 64; }
void write_before(DLTensor &k, DLTensor &) { first_key(&k)[-1] = 1; }
void print(DLTensor &, DLTensor &) { std::puts("update"); }
void complain(DLTensor &, DLTensor &) { std::fputs("update\n", stderr); }

int64_t rows_of_step = 0;
kvern_status counting_begin(kvern_cache *cache, const kvern_step *step, kvern_error *error) {
  rows_of_step = step->rows;
  return good.begin(cache, step, error);
}

/// With counting_begin: first_pos has as many elements as the step has rows.
template <int64_t By>
kvern_status shifted_view(kvern_cache *cache, int32_t layer, kvern_view *view, kvern_error *error) {
  static thread_local std::vector<int64_t> positions;
  const kvern_status status = good.view(cache, layer, view, error);
  if (status != KVERN_OK || !view->first_pos) return status;
  positions.assign(view->first_pos, view->first_pos + rows_of_step);
  for (int64_t &position : positions) position += By;
  view->first_pos = positions.data();
  return status;
}

kvern_status growing_view(kvern_cache *cache, int32_t layer, kvern_view *view, kvern_error *error) {
  static int calls = 0;
  const kvern_status status = good.view(cache, layer, view, error);
  if (status == KVERN_OK && ++calls % 2) view->flags |= KVERN_VIEW_RAW_Q;
  return status;
}

kvern_status ok_gather(kvern_cache *, const int64_t *, int64_t, kvern_error *) { return KVERN_OK; }
/// Grows and shrinks, but leaves the rows in their order.
kvern_status ok_reorder(kvern_cache *cache, const int64_t *rows, int64_t n, kvern_error *error) {
  kvern_info info{};
  info.struct_size = sizeof info;
  good.info(cache, -1, &info, error);
  return n == info.rows ? KVERN_OK : good.gather(cache, rows, n, error);
}
kvern_status ok_append(kvern_cache *, const kvern_cache *, kvern_error *) { return KVERN_OK; }
kvern_status ok_truncate(kvern_cache *, const int64_t *, kvern_error *) { return KVERN_OK; }
kvern_status ok_reset(kvern_cache *, kvern_error *) { return KVERN_OK; }

kvern_status any_load(kvern_cache *cache, const kvern_stream_io *stream, kvern_error *error) {
  const kvern_status status = good.load(cache, stream, error);
  return status == KVERN_BAD_DATA ? KVERN_OK : status;
}
kvern_status greedy_load(kvern_cache *cache, const kvern_stream_io *stream, kvern_error *error) {
  const kvern_status status = good.load(cache, stream, error);
  char rest[64];
  while (status == KVERN_OK && stream->io(stream->ctx, rest, sizeof rest) > 0) continue;
  return status;
}
kvern_status deaf_save(const kvern_cache *cache, const kvern_stream_io *stream, kvern_error *error) {
  good.save(cache, stream, error);
  return KVERN_OK;
}

kvern_status keep_all(kvern_cache *cache, int64_t n, kvern_error *error) {
  const kvern_status status = good.end(cache, n, error);
  if (n != 0 || status != KVERN_OK) return status;
  kvern_info info{};
  info.struct_size = sizeof info;
  good.info(cache, -1, &info, error);
  const std::vector<int64_t> less(static_cast<std::size_t>(info.rows), info.tokens - 1);
  return info.rows > 0 ? good.truncate(cache, less.data(), error) : status;
}

kvern_status wrong_info(const kvern_cache *cache, int32_t layer, kvern_info *info, kvern_error *error) {
  const kvern_status status = good.info(cache, layer, info, error);
  if (info->tokens > 0) ++info->tokens;
  return status;
}
kvern_status uncounted(const kvern_cache *cache, int32_t layer, kvern_info *info, kvern_error *error) {
  const kvern_status status = good.info(cache, layer, info, error);
  info->bytes_device /= 2, info->bytes_used /= 2;
  return status;
}
kvern_status long_info(const kvern_cache *cache, int32_t layer, kvern_info *info, kvern_error *error) {
  const uint32_t size = info->struct_size;
  info->struct_size = sizeof *info;
  const kvern_status status = good.info(cache, layer, info, error);
  info->struct_size = size;
  return status;
}

kvern_status any_flag(kvern_cache *cache, const kvern_step *step, kvern_error *error) {
  kvern_step known = *step;
  known.flags &= 7u;
  return good.begin(cache, &known, error);
}
kvern_status any_position(kvern_cache *cache, const kvern_step *step, kvern_error *error) {
  const kvern_status status = good.begin(cache, step, error);
  return status == KVERN_INVALID_ARGUMENT ? KVERN_OK : status;
}

kvern_status view_outside(kvern_cache *cache, int32_t layer, kvern_view *view, kvern_error *error) {
  const kvern_status status = good.view(cache, layer, view, error);
  return status == KVERN_WRONG_STATE ? KVERN_OK : status;
}
kvern_status gather_inside(kvern_cache *cache, const int64_t *rows, int64_t n, kvern_error *error) {
  const kvern_status status = good.gather(cache, rows, n, error);
  return status == KVERN_WRONG_STATE ? KVERN_OK : status;
}
kvern_status any_shape(kvern_cache *cache, int32_t layer, const DLTensor *k, const DLTensor *v,
                       DLTensor *out_k, DLTensor *out_v, kvern_error *error) {
  const kvern_status status = good.update(cache, layer, k, v, out_k, out_v, error);
  return status == KVERN_INVALID_ARGUMENT ? KVERN_OK : status;
}
kvern_status any_row(kvern_cache *cache, const int64_t *rows, int64_t n, kvern_error *error) {
  const kvern_status status = good.gather(cache, rows, n, error);
  return status == KVERN_INVALID_ARGUMENT ? KVERN_OK : status;
}

void take_buffer(kvern_buffer **buffer) {
  int64_t shape[1] = {16};
  const DLTensor prototype{nullptr, {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, shape, nullptr, 0};
  kvern_error error{};
  error.struct_size = sizeof error;
  host_of_all->alloc(host_of_all->ctx, &prototype, -1, buffer, &error);
}
kvern_status late_memory(kvern_cache *cache, int32_t layer, const DLTensor *k, const DLTensor *v,
                         DLTensor *out_k, DLTensor *out_v, kvern_error *error) {
  kvern_buffer *buffer = nullptr;
  take_buffer(&buffer);
  host_of_all->release(host_of_all->ctx, buffer);
  return good.update(cache, layer, k, v, out_k, out_v, error);
}
kvern_status leaking_clone(const kvern_cache *cache, kvern_cache **out, kvern_error *error) {
  const kvern_status status = good.clone(cache, out, error);
  kvern_buffer *buffer = nullptr;
  if (status == KVERN_OUT_OF_MEMORY) take_buffer(&buffer);
  return status;
}
void release_twice(kvern_cache *cache) {
  kvern_buffer *buffer = nullptr;
  take_buffer(&buffer);
  host_of_all->release(host_of_all->ctx, buffer);
  host_of_all->release(host_of_all->ctx, buffer);
  good.destroy(cache);
}

kvern_status throwing_reset(kvern_cache *, kvern_error *) { throw std::runtime_error("nothing to reset"); }
kvern_status aborting_truncate(kvern_cache *, const int64_t *, kvern_error *) { std::abort(); }
kvern_status crashing_gather(kvern_cache *, const int64_t *, int64_t, kvern_error *) {
  raise(SIGSEGV);
  return KVERN_OK;
}
kvern_status exiting_update(kvern_cache *, int32_t, const DLTensor *, const DLTensor *, DLTensor *,
                            DLTensor *, kvern_error *) {
  std::exit(0);
}
kvern_status aborting_update(kvern_cache *, int32_t, const DLTensor *, const DLTensor *, DLTensor *,
                             DLTensor *, kvern_error *) {
  std::abort();
}
kvern_status exiting_clone(const kvern_cache *, kvern_cache **, kvern_error *) { std::exit(0); }
void crashing_destroy(kvern_cache *) { raise(SIGSEGV); }
kvern_status endless_reset(kvern_cache *, kvern_error *) {
  for (;;) pause();
}

kvern_status with_handler(kvern_cache *cache, const kvern_step *step, kvern_error *error) {
  std::signal(SIGUSR1, SIG_IGN);
  return good.begin(cache, step, error);
}
kvern_status with_locale(kvern_cache *cache, const kvern_step *step, kvern_error *error) {
  std::setlocale(LC_ALL, "C.UTF-8");
  return good.begin(cache, step, error);
}
kvern_status with_file(kvern_cache *cache, const kvern_step *step, kvern_error *error) {
  (void)!open("/dev/null", O_RDONLY);
  return good.begin(cache, step, error);
}
kvern_status wrong_attend(kvern_cache *cache, const kvern_attend *request, kvern_error *error) {
  DLTensor k, v;
  const kvern_status status = good.update(cache, request->layer, request->k, request->v, &k, &v, error);
  const int64_t *shape = request->out->shape;
  for (int64_t i = 0; i < shape[0] * shape[1] * shape[2] * shape[3]; ++i)
    static_cast<float *>(request->out->data)[i] = 0;
  return status;
}

void printing_destroy(kvern_cache *cache) {
  std::puts("destroy");
  good.destroy(cache);
}
kvern_status printing_clone(const kvern_cache *cache, kvern_cache **out, kvern_error *error) {
  std::puts("clone");
  return good.clone(cache, out, error);
}

#define SET(verb, function) [](kvern_cache_ops &ops) { ops.verb = function; }
using Change = void (*)(kvern_cache_ops &);

const std::map<std::string, Change> &changes() {
  static const std::map<std::string, Change> all{
      {"nan", SET(update, update_and<write_nan>)},
      {"swapped", SET(update, update_and<swap_parts>)},
      {"short_export", SET(update, update_and<shorten>)},
      {"out_of_bounds", SET(update, update_and<write_before>)},
      {"prints", SET(update, update_and<print>)},
      {"prints_errors", SET(update, update_and<complain>)},
      {"off_by_one", [](kvern_cache_ops &ops) { ops.begin = counting_begin, ops.view = shifted_view<1>; }},
      {"changing_view", SET(view, growing_view)},
      {"attend", SET(attend, wrong_attend)},
      {"attends_short",
       [](kvern_cache_ops &ops) { ops.attend = wrong_attend, ops.update = update_and<shorten>; }},
      {"attends_doubles",
       [](kvern_cache_ops &ops) { ops.attend = wrong_attend, ops.update = update_and<as_doubles>; }},
      {"prints_in_clone",
       [](kvern_cache_ops &ops) { ops.clone = printing_clone, ops.destroy = printing_destroy; }},
      {"forgets_gather", SET(gather, ok_gather)},
      {"forgets_reorder", SET(gather, ok_reorder)},
      {"forgets_append", SET(append, ok_append)},
      {"forgets_truncate", SET(truncate, ok_truncate)},
      {"forgets_reset", SET(reset, ok_reset)},
      {"believes_streams", SET(load, any_load)},
      {"reads_too_far", SET(load, greedy_load)},
      {"deaf_save", SET(save, deaf_save)},
      {"end_zero", SET(end, keep_all)},
      {"tokens", SET(info, wrong_info)},
      {"bytes", SET(info, uncounted)},
      {"overruns_info", SET(info, long_info)},
      {"any_flag", SET(begin, any_flag)},
      {"any_position", SET(begin, any_position)},
      {"view_outside", SET(view, view_outside)},
      {"gather_inside", SET(gather, gather_inside)},
      {"any_shape", SET(update, any_shape)},
      {"any_row", SET(gather, any_row)},
      {"late_memory", SET(update, late_memory)},
      {"leaking_clone", SET(clone, leaking_clone)},
      {"leaks", SET(destroy, [](kvern_cache *) {})},
      {"releases_twice", SET(destroy, release_twice)},
      {"no_info", SET(info, nullptr)},
      {"throws", SET(reset, throwing_reset)},
      {"aborts", SET(truncate, aborting_truncate)},
      {"crashes", SET(gather, crashing_gather)},
      {"crashes_in_destroy", SET(destroy, crashing_destroy)},
      {"exits", SET(clone, exiting_clone)},
      {"exits_in_update", SET(update, exiting_update)},
      {"aborts_in_update", SET(update, aborting_update)},
      {"hangs", SET(reset, endless_reset)},
      {"signals", SET(begin, with_handler)},
      {"locale", SET(begin, with_locale)},
      {"files", SET(begin, with_file)},
  };
  return all;
}

void break_table(kvern_cache *cache) {
  auto &ops = const_cast<kvern_cache_ops &>(*cache->ops);
  good = ops;
  if (change) change(ops);
}

/// Clones have the defect too.
kvern_status broken_clone(const kvern_cache *cache, kvern_cache **out, kvern_error *error) {
  const kvern_status status = good.clone(cache, out, error);
  if (status != KVERN_OK) return status;
  auto &ops = const_cast<kvern_cache_ops &>(*(*out)->ops);
  if (change) change(ops);
  if (ops.clone == good.clone) ops.clone = broken_clone;
  return status;
}

kvern_status (*good_create)(const kvern_host *, const kvern_create *, kvern_cache **, kvern_error *);

std::string defect_of(const kvern_create &create) {
  for (uint32_t i = 0; i < create.n_options; ++i)
    if (std::string(create.options[i]->key) == "defect") return create.options[i]->s;
  return "none";
}

kvern_status create(const kvern_host *host, const kvern_create *create, kvern_cache **out,
                    kvern_error *error) {
  const std::string defect = defect_of(*create);
  host_of_all = host;
  const auto found = changes().find(defect);
  change = found == changes().end() ? nullptr : found->second;
  kvern_buffer *buffer = nullptr;
  if (defect == "leaking_create") take_buffer(&buffer);
  const kvern_status status = good_create(host, create, out, error);
  if (status != KVERN_OK) {
    if (defect == "says_nothing") error->message[0] = '\0';
    return status;
  }
  if (defect == "leaking_create") host->release(host->ctx, buffer);
  break_table(*out);
  auto &ops = const_cast<kvern_cache_ops &>(*(*out)->ops);
  if (ops.clone == good.clone) ops.clone = broken_clone;
  return status;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const kvern_plugin *kvern_plugin_entry(const kvern_host *) {
  auto *plugin = const_cast<kvern_plugin *>(sdk::detail::plugin_table<Defects>());
  if (plugin->create != create) good_create = plugin->create;
  plugin->create = create;
  return plugin;
}
