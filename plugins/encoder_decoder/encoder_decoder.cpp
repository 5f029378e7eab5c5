// Encoder-decoder models (transformers: EncoderDecoderCache): the decoder's own keys in one cache, those of the encoder in
// another.
#include <kvern/sdk/plugin.hpp>

#include "plugins/encoder_decoder/cross_half.hpp"

namespace kvern::encoder_decoder {
namespace {

using sdk::Verb;

class EncoderDecoder {
 public:
  static constexpr const char *name = "encoder_decoder", *version = "1.0.0",
                              *summary = "another cache for cross-attention than for self-attention";
  static constexpr bool attends_other_queries = true;  // an inner cache decides
  static constexpr bool runs_on_device = true;         // so does it
  static std::vector<sdk::Option> options() {
    return {sdk::string_option("self_attention", "dynamic"), sdk::table_option("self_attention_config"),
            sdk::string_option("cross_attention", "dynamic"), sdk::table_option("cross_attention_config")};
  }

  explicit EncoderDecoder(const sdk::Create &create)
      : layers_(create.layers), self_(make_self(create)), cross_(make_cross(create)) {}
  std::unique_ptr<EncoderDecoder> clone() const {
    return std::unique_ptr<EncoderDecoder>(new EncoderDecoder(*this));
  }

  bool offers(Verb verb) const {
    const bool self = self_.offers(verb), cross = cross_.offers(verb);
    if (verb == Verb::attend) return self || cross;
    if (verb == Verb::truncate || verb == Verb::end_rows || verb == Verb::state) return self;
    if (verb == Verb::append) return self && cross && cross_.offers(Verb::gather);
    return self && cross;
  }

  void begin(const sdk::Step &step) {
    kvern_step own = step.raw();
    own.flags &= ~KVERN_STEP_ROW_CROSS;
    own.n_cross = 0;
    own.row_cross = nullptr;
    cross_.begin(step);  // first: a step of it that is taken back leaves no memory behind
    try {
      self_.begin(own);
    } catch (...) {
      cross_.end(false);
      throw;
    }
  }
  void view(int layer, kvern_view &view) {
    is_cross(layer) ? cross_.view(layer, view) : self_.view(layer, view);
  }
  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    is_cross(layer) ? cross_.update(layer, k, v, out_k, out_v) : self_.update(layer, k, v, out_k, out_v);
  }
  void attend(const kvern_attend &request) {
    if (is_cross(request.layer)) return cross_.attend(request);
    if (!self_.offers(Verb::attend))
      sdk::fail(KVERN_UNSUPPORTED, "self_attention leaves attention to the host");
    self_.attend(request);
  }
  void state(int layer, int slot, DLTensor *read, DLTensor *write) { self_.state(layer, slot, read, write); }
  void end(int64_t n_keep) {
    self_.end(n_keep);
    end_cross(n_keep > 0);
  }
  void end_rows(sdk::Rows row_keep) {
    self_.end_rows(row_keep);
    end_cross(std::any_of(row_keep.begin(), row_keep.end(), [](int64_t n) { return n > 0; }));
  }

  void reset() {
    self_.reset();
    cross_.reset();
  }
  /// A row is the decoder's: its encoder stays as it is, unless nothing is left.
  void truncate(sdk::Rows row_pos) {
    self_.truncate(row_pos);
    if (self_.info(-1).rows == 0) cross_.reset();
  }
  void gather(sdk::Rows rows) {
    if (!cross_.holds()) return self_.gather(rows);
    const int64_t held = cross_.rows();
    if (static_cast<int64_t>(rows.size()) <= held) {
      self_.gather(rows);
      return cross_.gather(rows);
    }
    // The rows held come first, so that the growth of one half can be undone by what cannot fail.
    std::vector<int64_t> wide, kept, order;
    for (int64_t row = 0; row < held; ++row) wide.push_back(row), kept.push_back(row);
    for (const int64_t row : rows) order.push_back(static_cast<int64_t>(wide.size())), wide.push_back(row);
    self_.gather(wide);
    try {
      cross_.gather(wide);
    } catch (...) {
      self_.gather(kept);
      throw;
    }
    self_.gather(order);
    cross_.gather(order);
  }
  void append(const EncoderDecoder &from) {
    if (from.self_.info(-1).rows == 0) return;
    if (self_.info(-1).rows > 0 && cross_.holds() != from.cross_.holds())
      sdk::fail(KVERN_INVALID_ARGUMENT, "append: only one of both caches holds keys of an encoder");
    if (!from.cross_.holds()) return self_.append(from.self_);
    const int64_t held = cross_.rows();
    std::vector<int64_t> kept;
    for (int64_t row = 0; row < held; ++row) kept.push_back(row);
    cross_.append(from.cross_);
    try {
      self_.append(from.self_);
    } catch (...) {
      held > 0 ? cross_.gather(kept) : cross_.reset();
      throw;
    }
  }

  /// Positions and windows are the decoder's.
  const void *extension(const char *id) const {
    const std::string_view asked(id);
    return asked == KVERN_POSITIONS_1 || asked == KVERN_WINDOW_1 ? self_.extension(id) : nullptr;
  }

  /// Tokens, rows and limits are the decoder's.
  void info(int layer, kvern_info &info) const {
    info = self_.info(layer);
    cross_.add_bytes(layer, info);
  }
  void save(sdk::Writer &out) const {
    self_.save(out);
    cross_.save(out);
  }
  void load(sdk::Reader &in) {
    self_.load(in);
    cross_.load(in);
  }

 private:
  EncoderDecoder(const EncoderDecoder &other)
      : layers_(other.layers_), self_(other.self_.clone()), cross_(other.cross_) {}

  static sdk::Inner make_self(const sdk::Create &create) {
    const sdk::OptionItems options = create.options.table("self_attention_config");
    const auto &plugin = sdk::Inner::find(create.host, create.options.string("self_attention"), options);
    const sdk::PartialLayers layers(*create.raw,
                                    [&](int i) { return create.layers[i].kind != KVERN_LAYER_CROSS; });
    kvern_create inner = *create.raw;
    inner.layers = layers.data();
    inner.options = options.data();
    inner.n_options = static_cast<uint32_t>(options.size());
    inner.max_cross = 0;
    return sdk::Inner(create.host.table(), plugin, inner);
  }
  static CrossHalf make_cross(const sdk::Create &create) {
    const bool any = std::any_of(create.layers.begin(), create.layers.end(),
                                 [](const sdk::Layer &layer) { return layer.kind == KVERN_LAYER_CROSS; });
    if (!any)
      sdk::fail(KVERN_UNSUPPORTED, "the model has no cross-attention: use the cache '",
                create.options.string("self_attention"), "' itself");
    const sdk::OptionItems options = create.options.table("cross_attention_config");
    const auto &plugin = sdk::Inner::find(create.host, create.options.string("cross_attention"), options);
    return CrossHalf(create, plugin, options);
  }

  bool is_cross(int layer) const { return layers_[layer].kind == KVERN_LAYER_CROSS; }

  /// Tokens without the encoder's keys are of no use: where those are not kept, everything is fed again.
  void end_cross(bool keep) {
    cross_.end(keep);
    if (keep && !cross_.holds() && cross_.brought()) self_.reset();
  }

  sdk::Layers layers_;
  sdk::Inner self_;
  CrossHalf cross_;
};

}  // namespace
}  // namespace kvern::encoder_decoder

KVERN_PLUGIN(kvern::encoder_decoder::EncoderDecoder)
