// The tree of options as C structs, and back.
#include <kvern/error.hpp>
#include <kvern/options.hpp>

#include <deque>

namespace kvern {

/// Deques, because what they hold never moves while they grow.
struct AbiOptions::Storage {
  std::deque<kvern_option> options;
  std::deque<std::string> strings;
  std::deque<std::vector<const kvern_option *>> lists;
  const std::vector<const kvern_option *> *top = nullptr;

  const char *keep(const std::string &text) { return strings.emplace_back(text).c_str(); }

  void set_items(kvern_option &to, const std::vector<const kvern_option *> &items) {
    to.items = items.data();
    to.n_items = static_cast<uint32_t>(items.size());
  }

  void set(kvern_option &to, bool value) { to.type = KVERN_BOOL, to.i = value; }
  void set(kvern_option &to, int64_t value) { to.type = KVERN_INT, to.i = value; }
  void set(kvern_option &to, double value) { to.type = KVERN_FLOAT, to.f = value; }
  void set(kvern_option &to, const std::string &value) { to.type = KVERN_STRING, to.s = keep(value); }
  void set(kvern_option &to, const OptionTable &value) {
    to.type = KVERN_TABLE;
    set_items(to, *add(value));
  }
  void set(kvern_option &to, const OptionArray &value) {
    to.type = KVERN_ARRAY;
    auto &list = lists.emplace_back();
    for (const Option &item : value) list.push_back(add("", item));
    set_items(to, list);
  }

  const kvern_option *add(const std::string &key, const Option &option) {
    kvern_option &to = options.emplace_back();
    to.struct_size = sizeof(kvern_option);
    to.key = keep(key);
    to.s = "";
    std::visit([&](const auto &value) { set(to, value); }, option.value);
    return &to;
  }

  const std::vector<const kvern_option *> *add(const OptionTable &table) {
    auto &list = lists.emplace_back();
    for (const auto &[key, option] : table) list.push_back(add(key, option));
    return &list;
  }
};

AbiOptions::AbiOptions(const OptionTable &table) : storage_(std::make_unique<Storage>()) {
  storage_->top = storage_->add(table);
}
AbiOptions::~AbiOptions() = default;
AbiOptions::AbiOptions(AbiOptions &&) noexcept = default;

const kvern_option *const *AbiOptions::data() const { return storage_->top->data(); }
uint32_t AbiOptions::size() const { return static_cast<uint32_t>(storage_->top->size()); }

namespace {

Option value_from_abi(const kvern_option &option) {
  switch (option.type) {
    case KVERN_BOOL:
      return {option.i != 0, ""};
    case KVERN_INT:
      return {option.i, ""};
    case KVERN_FLOAT:
      return {option.f, ""};
    case KVERN_STRING:
      return {std::string(option.s ? option.s : ""), ""};
    case KVERN_TABLE:
      return {from_abi(option.items, option.n_items), ""};
    case KVERN_ARRAY: {
      OptionArray items;
      for (uint32_t i = 0; i < option.n_items; ++i) items.push_back(value_from_abi(*option.items[i]));
      return {std::move(items), ""};
    }
  }
  throw Error(ErrorKind::plugin, "option '" + std::string(option.key ? option.key : "") +
                                     "' has the unknown type " + std::to_string(option.type));
}

}  // namespace

OptionTable from_abi(const kvern_option *const *options, uint32_t n_options) {
  OptionTable table;
  for (uint32_t i = 0; i < n_options; ++i)
    table.emplace_back(options[i]->key ? options[i]->key : "", value_from_abi(*options[i]));
  return table;
}

}  // namespace kvern
