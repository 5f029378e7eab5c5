#include "runtime/run/testing/device_cache.hpp"

#include <list>
#include <map>

#include "check/harness.hpp"

namespace kvern::testing {
namespace {

using conformance::FullHost;
using conformance::SimulatedDevice;

FullHost *device_host = nullptr;

struct DeviceCache : kvern_cache {
  struct Tensor {
    int64_t shape[4], strides[4];
    std::vector<std::byte> data;
  };

  kvern_cache *inner = nullptr;
  kvern_cache_ops table{};
  std::vector<std::byte *> lent;  // on the device, of the layer at work
  Tensor out[2];

  void give_back() {
    for (std::byte *data : lent) device_host->device()->give_back(data);
    lent.clear();
  }
  DLTensor lend(const DLTensor &from) {
    DLTensor on_device = from;
    on_device.device = SimulatedDevice::kDevice;
    on_device.data = device_host->device()->upload(from);
    on_device.byte_offset = 0;
    on_device.strides = nullptr;
    lent.push_back(static_cast<std::byte *>(on_device.data));
    return on_device;
  }
  DLTensor fetch(const DLTensor &from, Tensor &to) {
    DLTensor here = from;
    int64_t elements = 1;
    for (int i = 4; i-- > 0; elements *= to.shape[i]) to.shape[i] = from.shape[i], to.strides[i] = elements;
    to.data.assign(static_cast<size_t>(elements * from.dtype.bits / 8), std::byte{0});
    here.device = {kDLCPU, 0};
    here.data = to.data.data(), here.byte_offset = 0, here.shape = to.shape, here.strides = to.strides;
    if (elements > 0) device_host->device()->download(from, here);
    return here;
  }
};

DeviceCache &self(kvern_cache *cache) { return *static_cast<DeviceCache *>(cache); }
const DeviceCache &self(const kvern_cache *cache) { return *static_cast<const DeviceCache *>(cache); }

kvern_status begin(kvern_cache *cache, const kvern_step *step, kvern_error *error) {
  kvern_step here = *step;
  here.stream = device_host->stream();
  return self(cache).inner->ops->begin(self(cache).inner, &here, error);
}

kvern_status update(kvern_cache *cache, int32_t layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k,
                    DLTensor *out_v, kvern_error *error) {
  DeviceCache &it = self(cache);
  it.give_back();
  DLTensor dk{}, dv{}, ok{}, ov{};
  if (k) dk = it.lend(*k);
  if (v) dv = it.lend(*v);
  const kvern_status status = it.inner->ops->update(it.inner, layer, k ? &dk : nullptr, v ? &dv : nullptr,
                                                    out_k ? &ok : nullptr, out_v ? &ov : nullptr, error);
  if (status != KVERN_OK) return status;
  if (out_k) *out_k = it.fetch(ok, it.out[0]);
  if (out_v) *out_v = it.fetch(ov, it.out[1]);
  device_host->device()->finish();
  return KVERN_OK;
}

kvern_status end(kvern_cache *cache, int64_t n_keep, kvern_error *error) {
  const kvern_status status = self(cache).inner->ops->end(self(cache).inner, n_keep, error);
  self(cache).give_back();
  return status;
}

kvern_status clone(const kvern_cache *cache, kvern_cache **out, kvern_error *error);

void fill_table(DeviceCache &it) {
  const kvern_cache_ops &ops = *it.inner->ops;
  it.table = ops;
  it.table.attend = nullptr;  // there are no kernels for it
  it.table.get_extension = nullptr;
  it.table.destroy = [](kvern_cache *cache) {
    self(cache).give_back();
    self(cache).inner->ops->destroy(self(cache).inner);
    delete &self(cache);
  };
  it.table.begin = begin;
  it.table.view = [](kvern_cache *cache, int32_t layer, kvern_view *view, kvern_error *error) {
    return self(cache).inner->ops->view(self(cache).inner, layer, view, error);
  };
  it.table.update = update;
  it.table.end = end;
  it.table.reset = [](kvern_cache *cache, kvern_error *error) {
    return self(cache).inner->ops->reset(self(cache).inner, error);
  };
  it.table.info = [](const kvern_cache *cache, int32_t layer, kvern_info *info, kvern_error *error) {
    return self(cache).inner->ops->info(self(cache).inner, layer, info, error);
  };
  it.table.state = nullptr;
  it.table.end_rows = nullptr;
  it.table.save = nullptr;
  it.table.load = nullptr;
  if (ops.gather)
    it.table.gather = [](kvern_cache *cache, const int64_t *rows, int64_t n, kvern_error *error) {
      return self(cache).inner->ops->gather(self(cache).inner, rows, n, error);
    };
  if (ops.append)
    it.table.append = [](kvern_cache *cache, const kvern_cache *from, kvern_error *error) {
      return self(cache).inner->ops->append(self(cache).inner, self(from).inner, error);
    };
  if (ops.truncate)
    it.table.truncate = [](kvern_cache *cache, const int64_t *row_pos, kvern_error *error) {
      return self(cache).inner->ops->truncate(self(cache).inner, row_pos, error);
    };
  if (ops.clone) it.table.clone = clone;
  it.ops = &it.table;
}

kvern_status clone(const kvern_cache *cache, kvern_cache **out, kvern_error *error) {
  auto made = std::make_unique<DeviceCache>();
  const kvern_status status = self(cache).inner->ops->clone(self(cache).inner, &made->inner, error);
  if (status != KVERN_OK) return status;
  fill_table(*made);
  *out = made.release();
  return KVERN_OK;
}

kvern_status create(const kvern_plugin &plugin, const kvern_create *create, kvern_cache **out,
                    kvern_error *error) {
  kvern_create here = *create;
  here.device = device_host->place();
  here.stream = device_host->stream();
  auto made = std::make_unique<DeviceCache>();
  const kvern_status status = plugin.create(device_host->table(), &here, &made->inner, error);
  if (status != KVERN_OK) return status;
  fill_table(*made);
  *out = made.release();
  return KVERN_OK;
}

/// A function without a context for each plugin: the n-th of them.
const kvern_plugin *plugins[2];
template <int n>
kvern_status create_nth(const kvern_host *, const kvern_create *request, kvern_cache **out,
                        kvern_error *error) {
  return create(*plugins[n], request, out, error);
}

}  // namespace

const kvern_plugin &on_device(const std::string &plugin, FullHost &host) {
  device_host = &host;
  static std::map<std::string, kvern_plugin> known;
  const auto [at, fresh] = known.try_emplace(plugin);
  if (!fresh) return at->second;
  const size_t n = known.size() - 1;
  if (n >= std::size(plugins)) throw std::logic_error("more plugins than there are functions for");
  plugins[n] = conformance::built_plugin(plugin);
  at->second = *plugins[n];
  at->second.create = n == 0 ? create_nth<0> : create_nth<1>;
  return at->second;
}

}  // namespace kvern::testing
