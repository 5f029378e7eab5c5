#include "check/measure.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <map>

#include "check/harness_open.hpp"
#include "check/host_extensions.hpp"

namespace kvern::conformance {
namespace {

using Clock = std::chrono::steady_clock;

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

class Measurement {
 public:
  Measurement(const kvern_plugin &plugin, const SubjectOptions &options, const MeasureShape &shape)
      : shape_(shape) {
    subject_.plugin = &plugin;
    subject_.options = options.options;
    subject_.max_tokens = shape.prompt + shape.steps + 8;
    kvern_layer layer = attention_layer();
    layer.q_heads = shape.q_heads, layer.kv_heads = shape.kv_heads;
    layer.head_dim_k = layer.head_dim_v = shape.head_dim;
    subject_.layers.assign(static_cast<std::size_t>(shape.layers), layer);
    offer_extensions(host_);
    offer_idle_extensions(host_);
    error_.struct_size = sizeof error_;
    std::string message;
    expect(make_cache(subject_, host_, &cache_, &message) == KVERN_OK, "create: " + message);
  }
  ~Measurement() { cache_->ops->destroy(cache_); }
  Measurement(const Measurement &) = delete;

  Measured run() {
    step(shape_.prompt, false);
    times_.clear();
    for (int64_t i = 0; i < shape_.steps; ++i) step(1, true);
    Measured result;
    for (const char *verb : {"begin", "view", "update", "attend", "end"})
      if (times_.count(verb)) result.ns.emplace_back(verb, median(times_[verb]));
    result.step_ns = median(times_["step"]);
    measure_between_steps(result);
    kvern_info info{};
    info.struct_size = sizeof info;
    expect(cache_->ops->info(cache_, -1, &info, &error_) == KVERN_OK, std::string("info: ") + error_.message);
    const int64_t bytes = info.bytes_used > 0 ? info.bytes_used : info.bytes_device + info.bytes_host;
    result.bytes_per_token = static_cast<double>(bytes) / static_cast<double>(held_);
    return result;
  }

 private:
  /// One call, timed under the verb's name.
  kvern_status timed(const char *verb, const std::function<kvern_status()> &call) {
    const auto begin = Clock::now();
    const kvern_status status = call();
    const double ns = std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
    if (status != KVERN_UNSUPPORTED) times_[verb].push_back(ns), step_ns_ += ns;
    expect(status == KVERN_OK || status == KVERN_UNSUPPORTED, std::string(verb) + ": " + error_.message);
    return status;
  }

  /// attends: as a model does; else keys are stored and no more, so that a long prompt takes no longer than that.
  void step(int64_t n, bool attends) {
    kvern_step step{};
    step.struct_size = sizeof step;
    step.rows = 1, step.n_new = n;
    step.row_pos = &held_;
    step_ns_ = 0;
    expect(timed("begin", [&] { return cache_->ops->begin(cache_, &step, &error_); }) == KVERN_OK,
           "begin: " + std::string(error_.message));
    const DLDataType single{kDLFloat, 32, 1};
    Tensor4 k(single, 1, shape_.kv_heads, n, shape_.head_dim),
        v(single, 1, shape_.kv_heads, n, shape_.head_dim), q(single, 1, shape_.q_heads, n, shape_.head_dim),
        out(single, 1, shape_.q_heads, n, shape_.head_dim);
    for (Tensor4 *tensor : {&k, &v, &q}) fill(*tensor);
    for (int layer = 0; layer < shape_.layers; ++layer) {
      if (attends)
        one_layer(layer, k.dl, v.dl, q.dl, out.dl);
      else
        timed("update",
              [&] { return cache_->ops->update(cache_, layer, &k.dl, &v.dl, nullptr, nullptr, &error_); });
    }
    timed("end", [&] { return cache_->ops->end(cache_, n, &error_); });
    times_["step"].push_back(step_ns_);
    held_ += n;
  }

  static void fill(Tensor4 &tensor) {
    auto *data = static_cast<float *>(tensor.dl.data);
    int64_t elements = 1;
    for (int axis = 0; axis < 4; ++axis) elements *= tensor.dl.shape[axis];
    for (int64_t i = 0; i < elements; ++i)
      data[i] = static_cast<float>(std::sin(0.37 * static_cast<double>(i)));
  }

  void one_layer(int layer, const DLTensor &k, const DLTensor &v, const DLTensor &q, DLTensor &out) {
    kvern_view view{};
    view.struct_size = sizeof view;
    timed("view", [&] { return cache_->ops->view(cache_, layer, &view, &error_); });
    kvern_attend request{};
    request.struct_size = sizeof request;
    request.layer = layer, request.causal = 1;
    request.scale = 1 / std::sqrt(static_cast<float>(shape_.head_dim));
    request.q = &q, request.k = &k, request.v = &v, request.out = &out;
    if (KVERN_HAS(cache_->ops, kvern_cache_ops, attend) &&
        timed("attend", [&] { return cache_->ops->attend(cache_, &request, &error_); }) == KVERN_OK)
      return;
    DLTensor out_k, out_v;
    timed("update", [&] { return cache_->ops->update(cache_, layer, &k, &v, &out_k, &out_v, &error_); });
  }

  void measure_between_steps(Measured &result) {
    const int64_t same[1] = {0};
    const kvern_cache_ops ops = watched(*cache_->ops);
    const auto often = [&](const char *verb, const std::function<kvern_status()> &call) {
      for (int i = 0; i < 9; ++i) timed(verb, call);
      if (times_.count(verb)) result.ns.emplace_back(verb, median(times_[verb]));
    };
    if (ops.gather) often("gather", [&] { return ops.gather(cache_, same, 1, &error_); });
    if (!ops.clone) return;
    often("clone", [&] {
      kvern_cache *copy = nullptr;
      const kvern_status status = ops.clone(cache_, &copy, &error_);
      if (status == KVERN_OK) copy->ops->destroy(copy);
      return status;
    });
  }

  MeasureShape shape_;
  Subject subject_;
  TestHost host_;
  kvern_cache *cache_ = nullptr;
  kvern_error error_{};
  std::map<std::string, std::vector<double>> times_;
  double step_ns_ = 0;
  int64_t held_ = 0;
};

}  // namespace

Measured measure(const kvern_plugin &plugin, const SubjectOptions &options, const MeasureShape &shape) {
  return Measurement(plugin, options, shape).run();
}

}  // namespace kvern::conformance
