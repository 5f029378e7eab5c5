#include "runtime/templates/value.hpp"

#include <algorithm>

#include "runtime/templates/compare.hpp"

namespace kvern::templates {
namespace {

int checked_depth(int inner) {
  if (inner >= kMaxValueDepth)
    fail(Failure::Kind::limit,
         "the template nests lists and dicts more than " + std::to_string(kMaxValueDepth) + " deep");
  return inner + 1;
}

int64_t checked_weight(int64_t weight, const Value &more) {
  if (weight + more.weight() > kMaxWeight)
    fail(Failure::Kind::limit,
         "the template makes a value of more than " + std::to_string(kMaxWeight) + " bytes");
  return weight + more.weight();
}

}  // namespace

Value Object::call(Runtime &, const Arguments &) {
  type_error("'" + type_name() + "' object is not callable");
}

const Value *Dict::find(const Value &key) const {
  const auto [begin, end] = index_.equal_range(hash(key));
  for (auto i = begin; i != end; ++i)
    if (is_equal(entries_[i->second].first, key)) return &entries_[i->second].second;
  return nullptr;
}

const Value *Dict::find(std::string_view key) const { return find(Value(key)); }

void Dict::set(Value key, Value value) {
  depth_ = std::max(depth_, checked_depth(std::max(key.depth(), value.depth())));
  weight_ = checked_weight(checked_weight(weight_, key), value);
  if (const Value *found = find(key)) {
    *const_cast<Value *>(found) = std::move(value);  // an entry of this, which is not const here
    return;
  }
  index_.emplace(hash(key), entries_.size());
  entries_.emplace_back(std::move(key), std::move(value));
}

Value::Value(std::string text, bool markup)
    : data_(Text{std::make_shared<const std::string>(std::move(text)), markup}) {}

Value Value::undefined(std::string message) {
  Value value;
  value.data_ = std::make_shared<const Undefined>(Undefined{std::move(message)});
  return value;
}

Value Value::undefined_name(const std::string &name) { return undefined("'" + name + "' is undefined"); }

Value Value::list(std::vector<Value> items, List::Kind kind) {
  auto list = std::make_shared<List>();
  for (const Value &item : items) {
    list->depth = std::max(list->depth, checked_depth(item.depth()));
    list->weight = checked_weight(list->weight, item);
  }
  list->items = std::move(items);
  list->kind = kind;
  return Value(ListPtr(std::move(list)));
}

Value Value::tuple(std::vector<Value> items) { return list(std::move(items), ListKind::tuple); }

Value Value::dict(Dict dict) { return Value(DictPtr(std::make_shared<const Dict>(std::move(dict)))); }

std::string Value::type_name() const {
  if (is_undefined()) return "Undefined";
  if (is_none()) return "NoneType";
  if (is_bool()) return "bool";
  if (is_int()) return "int";
  if (is_float()) return "float";
  if (is_text()) return as_text().markup ? "Markup" : "str";
  if (is_list()) {
    if (as_list().kind == List::Kind::group) return "_GroupTuple";
    return as_list().is_tuple() ? "tuple" : "list";
  }
  return is_dict() ? "dict" : as_object()->type_name();
}

std::string Value::described() const { return is_none() ? "None" : type_name() + " object"; }

int Value::depth() const {
  if (is_list()) return as_list().depth;
  if (is_dict()) return as_dict().depth();
  return is_object() ? as_object()->depth : 0;
}

int64_t Value::weight() const {
  if (is_text()) return 1 + static_cast<int64_t>(str().size());
  if (is_list()) return as_list().weight;
  if (is_dict()) return as_dict().weight();
  return is_object() ? as_object()->weight : 1;
}

bool Value::is_same(const Value &other) const {
  if (data_.index() != other.data_.index()) return false;
  if (is_list()) return list_ptr() == other.list_ptr();
  if (is_dict()) return dict_ptr() == other.dict_ptr();
  if (is_object()) return as_object() == other.as_object();
  if (is_text() && is_markup() != other.is_markup()) return false;
  return is_undefined() ? undefined_message() == other.undefined_message() : is_equal(*this, other);
}

void require_defined(const Value &value) {
  if (value.is_undefined()) fail(Failure::Kind::undefined_error, value.undefined_message());
}

}  // namespace kvern::templates
