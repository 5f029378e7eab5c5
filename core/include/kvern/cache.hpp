// A cache: RAII over the ABI's table of verbs. Every failure is a CacheError with the plugin's own message.
//
// The meaning of each verb is in kvern/abi/cache_abi.h; this class adds ownership, exceptions, and checks of
// what the plugin returns (a tensor of another shape or type than view promised is refused as the plugin's
// defect).
#pragma once
#include <kvern/abi/cache_abi.h>
#include <kvern/dtype.hpp>
#include <kvern/error.hpp>
#include <kvern/host.hpp>
#include <kvern/options.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kvern {

class CacheError : public Error {
 public:
  /// Of kind out_of_memory for OUT_OF_MEMORY and OUT_OF_CAPACITY, else of kind plugin.
  CacheError(kvern_status status, const std::string &message);
  CacheError(kvern_status status, ErrorKind kind, const std::string &message);
  kvern_status status() const { return status_; }

 private:
  kvern_status status_;
};

/// "out of memory", "unsupported" ...
const char *status_name(kvern_status status);

/// What a model needs of one layer; kvern_layer with owned state shapes.
struct LayerSpec {
  uint32_t kind = KVERN_LAYER_ATTENTION;
  uint32_t flags = 0;
  int32_t q_heads = 0, kv_heads = 0, head_dim_k = 0, head_dim_v = 0;
  int32_t window = 0;
  int32_t shares_layer = -1;
  struct State {
    Dtype dtype;
    std::vector<int64_t> shape;  ///< without rows
  };
  std::vector<State> states;
};

struct CacheSpec {
  std::vector<LayerSpec> layers;
  Dtype dtype = Dtype::f32;  ///< of keys and values
  int64_t max_rows = 0, max_tokens = 0, max_cross = 0;
  OptionTable options;  ///< the user's cache_config
};

/// Puts another cache between the host and the one that a plugin made, and takes that one over, unless it throws bad_alloc.
using WrapCache =
    std::function<kvern_cache *(const kvern_host *host, kvern_cache *cache, const kvern_create &request)>;

class Cache {
 public:
  struct State;  ///< what is behind it; of no use outside core/host

  /// Throws CacheError if the plugin cannot hold these layers or rejects an option. `wrap` wraps empty copies, too; clones are what
  /// the wrapping cache clones itself to.
  static Cache create(std::shared_ptr<Host> host, const kvern_plugin &plugin, const CacheSpec &spec,
                      WrapCache wrap = {});
  ~Cache();
  Cache(Cache &&) noexcept;
  Cache &operator=(Cache &&) noexcept;

  const kvern_plugin &plugin() const;
  const Host &host() const;
  Dtype dtype() const;
  const std::vector<LayerSpec> &layers() const;

  void begin(const kvern_step &step);
  kvern_view view(int layer);
  /// Throws on failure. out_k, out_v: both or neither.
  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v);
  /// False if the cache does not offer attend or says UNSUPPORTED; throws on any other failure.
  bool attend(const kvern_attend &request);
  void state(int layer, int slot, DLTensor *read, DLTensor *write);
  void end(int64_t n_keep);
  void end_rows(const std::vector<int64_t> &row_keep);

  void reset();
  kvern_info info(int layer = -1) const;
  void gather(const std::vector<int64_t> &rows);
  void append(const Cache &from);
  void truncate(const std::vector<int64_t> &row_pos);
  Cache clone() const;
  /// Another cache as this one was made, of the same host, that holds nothing.
  Cache empty_like() const;
  void save(const kvern_stream_io &stream) const;
  void load(const kvern_stream_io &stream);
  const void *extension(const std::string &id) const;

  /// Optional verbs that this instance offers, by name: "attend", "gather", "clone" ...
  bool offers(std::string_view verb) const;
  std::vector<std::string> offered() const;
  /// Is a step open?
  bool in_step() const;
  /// Did a failure lose it? Then every verb throws, and it can only be destroyed.
  bool lost() const;

 private:
  explicit Cache(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kvern
