#include "plugins/hybrid/layer_choice.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace kvern::hybrid {
namespace {

constexpr const char *kEntryKeys = "kind, index, range, cache_implementation and cache_config";

/// One entry of cache_layers, read.
class Entry {
 public:
  Entry(const kvern_option &option, std::size_t number, const sdk::Layers &layers)
      : number_(number), layers_(layers), selected_(layers.size(), 1) {
    if (option.type != KVERN_TABLE) refuse("is no table: it has the keys ", kEntryKeys);
    for (const kvern_option *item : sdk::Options::items(option)) read(*item);
    if (selectors_.empty())
      refuse("names no layers: it needs kind (attention, window, state or cross), index or range");
    if (choice_.cache.empty()) refuse("has no cache_implementation: the cache that its layers get");
    for (std::size_t i = 0; i < layers.size(); ++i)
      if (selected_[i] && kind_of(layers[i]) != Kind::none) choice_.layers.push_back(static_cast<int>(i));
    if (choice_.layers.empty()) refuse("fits no layer of this model, which has ", kinds_there());
    choice_.chosen_by = title();
  }

  Choice take() { return std::move(choice_); }

 private:
  std::string title() const {
    return sdk::text("entry ", number_, " of cache_layers",
                     selectors_.empty() ? "" : " (" + selectors_ + ")");
  }

  template <class... Parts>
  [[noreturn]] void refuse(const Parts &...parts) const {
    sdk::fail(KVERN_INVALID_ARGUMENT, title(), " ", parts...);
  }

  void read(const kvern_option &item) {
    const std::string_view key = item.key;
    if (key == "kind")
      select_kind(item);
    else if (key == "index")
      select_index(item);
    else if (key == "range")
      select_range(item);
    else if (key == "cache_implementation")
      choice_.cache = string(item);
    else if (key == "cache_config")
      choice_.config = table(item);
    else
      refuse("has the unknown key '", key, "': it has ", kEntryKeys);
  }

  std::string_view string(const kvern_option &item) const {
    if (item.type != KVERN_STRING || !item.s || !*item.s) refuse(item.key, " must be a string");
    return item.s;
  }
  sdk::OptionItems table(const kvern_option &item) const {
    if (item.type != KVERN_TABLE) refuse(item.key, " must be a table of that cache's options");
    return sdk::Options::items(item);
  }

  void note(const std::string &selector) { selectors_ += (selectors_.empty() ? "" : ", ") + selector; }

  template <class Selected>
  void narrow(Selected selected) {
    for (std::size_t i = 0; i < selected_.size(); ++i)
      selected_[i] = selected_[i] && selected(static_cast<int64_t>(i));
  }

  void select_kind(const kvern_option &item) {
    const std::string_view name = string(item);
    note(sdk::text("kind = ", name));
    const Kind kind = kind_named(name);
    if (kind == Kind::none)
      refuse("has an unknown kind: known are attention, window, state and cross, and transformers' ",
             "full_attention, sliding_attention, linear_attention");
    narrow([&](int64_t i) { return kind_of(layers_[static_cast<std::size_t>(i)]) == kind; });
  }

  void require_layer(int64_t layer) const {
    if (layers_.empty()) refuse("names layer ", layer, " of a model without layers");
    if (layer < 0 || layer >= std::ssize(layers_))
      refuse("names layer ", layer, ": the model has layers 0 to ", layers_.size() - 1);
  }

  void select_index(const kvern_option &item) {
    std::vector<int> indices;
    const bool one = item.type == KVERN_INT;
    if (!one && item.type != KVERN_ARRAY) refuse("index must be a number of a layer, or several in brackets");
    const kvern_option *const self = &item;
    for (const kvern_option *index : one ? sdk::OptionItems(&self, 1) : sdk::Options::items(item)) {
      if (index->type != KVERN_INT) refuse("index must be numbers of layers");
      require_layer(index->i);
      const sdk::Layer &layer = layers_[static_cast<std::size_t>(index->i)];
      if (kind_of(layer) == Kind::none)
        refuse("names layer ", index->i,
               layer.shares_layer >= 0
                   ? sdk::text(", which reads the keys of layer ", layer.shares_layer, ": name that one")
                   : ", which holds nothing");
      indices.push_back(static_cast<int>(index->i));
    }
    std::sort(indices.begin(), indices.end());
    note("index = " + list_of(indices));
    narrow([&](int64_t i) { return std::binary_search(indices.begin(), indices.end(), i); });
  }

  void select_range(const kvern_option &item) {
    const auto [first, last] = item.type == KVERN_STRING ? parsed_range(item.s) : listed_range(item);
    note(sdk::text("range = ", first, "-", last));
    if (first > last) refuse("is reversed: the first layer comes first, as in \"", last, "-", first, "\"");
    require_layer(first);
    require_layer(last);
    narrow([first = first, last = last](int64_t i) { return i >= first && i <= last; });
  }

  [[noreturn]] void refuse_range() const {
    refuse("range must be the first and the last layer, as \"0-3\" or [0, 3]");
  }
  std::pair<int64_t, int64_t> listed_range(const kvern_option &item) const {
    const sdk::OptionItems items = sdk::Options::items(item);
    const bool two = item.type == KVERN_ARRAY && items.size() == 2;
    if (!two || items[0]->type != KVERN_INT || items[1]->type != KVERN_INT) refuse_range();
    return {items[0]->i, items[1]->i};
  }
  std::pair<int64_t, int64_t> parsed_range(std::string_view text) const {
    int64_t first = 0, last = 0;
    const char *end = text.data() + text.size();
    const auto [dash, wrong] = std::from_chars(text.data(), end, first);
    if (wrong != std::errc() || dash == end || *dash != '-') refuse_range();
    const auto [rest, also_wrong] = std::from_chars(dash + 1, end, last);
    if (also_wrong != std::errc() || rest != end) refuse_range();
    return {first, last};
  }

  std::string kinds_there() const {
    std::string text;
    for (const Kind kind : {Kind::attention, Kind::window, Kind::state, Kind::cross}) {
      std::vector<int> numbers;
      for (std::size_t i = 0; i < layers_.size(); ++i)
        if (kind_of(layers_[i]) == kind) numbers.push_back(static_cast<int>(i));
      if (!numbers.empty())
        text += sdk::text(text.empty() ? "" : "; ", name_of(kind), ": ", layers_text(numbers));
    }
    return text.empty() ? "none" : text;
  }

  std::size_t number_;  // from 1
  const sdk::Layers &layers_;
  std::vector<char> selected_;
  std::string selectors_;
  Choice choice_;
};

void refuse_overlaps(const std::vector<Choice> &entries) {
  for (std::size_t a = 0; a < entries.size(); ++a) {
    for (std::size_t b = a + 1; b < entries.size(); ++b) {
      std::vector<int> both;
      std::set_intersection(entries[a].layers.begin(), entries[a].layers.end(), entries[b].layers.begin(),
                            entries[b].layers.end(), std::back_inserter(both));
      if (both.empty()) continue;
      sdk::fail(KVERN_INVALID_ARGUMENT, entries[a].chosen_by, " and ", entries[b].chosen_by, " both name ",
                layers_text(both), ": a layer gets one cache");
    }
  }
}

bool same(const kvern_option &a, const kvern_option &b);

bool same(sdk::OptionItems a, sdk::OptionItems b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const kvern_option *x, const kvern_option *y) { return same(*x, *y); });
}

bool same(const kvern_option &a, const kvern_option &b) {
  return a.type == b.type && std::string_view(a.key) == b.key && a.i == b.i && a.f == b.f &&
         std::string_view(a.s ? a.s : "") == (b.s ? b.s : "") &&
         same(sdk::Options::items(a), sdk::Options::items(b));
}

/// Layers of keys with and without a window that get the same cache get one.
void add_by_kind(std::vector<Choice> &choices, Choice choice, Kind kind) {
  for (Choice &other : choices) {
    if (kind != Kind::window || other.cache != choice.cache || !same(other.config, choice.config)) continue;
    std::vector<int> all;
    std::merge(other.layers.begin(), other.layers.end(), choice.layers.begin(), choice.layers.end(),
               std::back_inserter(all));
    other.layers = std::move(all);
    other.chosen_by += ", " + choice.chosen_by;
    return;
  }
  choices.push_back(std::move(choice));
}

}  // namespace

std::vector<sdk::Option> declared_options() {
  return {sdk::string_option("attention", "dynamic"),
          sdk::table_option("attention_config"),
          sdk::string_option("window", "sliding_window"),
          sdk::table_option("window_config"),
          sdk::string_option("state", "mamba"),
          sdk::table_option("state_config"),
          sdk::string_option("cross", "encoder_decoder"),
          sdk::table_option("cross_config"),
          sdk::array_option("cache_layers"),
          sdk::table_option("layer_device_map")};
}

std::vector<Choice> choose(const sdk::Options &options, const sdk::Layers &layers) {
  std::vector<Choice> entries, by_kind;
  std::size_t number = 0;
  for (const kvern_option *entry : options.array("cache_layers"))
    entries.push_back(Entry(*entry, ++number, layers).take());
  refuse_overlaps(entries);
  std::vector<char> taken(layers.size(), 0);
  for (const Choice &entry : entries)
    for (const int layer : entry.layers) taken[static_cast<std::size_t>(layer)] = 1;
  for (const Kind kind : {Kind::attention, Kind::window, Kind::state, Kind::cross}) {
    const std::string name = name_of(kind);
    Choice choice{options.string(name), options.table(name + "_config"), {}, name};
    for (std::size_t i = 0; i < layers.size(); ++i)
      if (!taken[i] && kind_of(layers[i]) == kind) choice.layers.push_back(static_cast<int>(i));
    if (!choice.layers.empty()) add_by_kind(by_kind, std::move(choice), kind);
  }
  for (Choice &choice : by_kind) entries.push_back(std::move(choice));
  return entries;
}

}  // namespace kvern::hybrid
