#include "runtime/templates/iterate.hpp"

#include "runtime/templates/arguments.hpp"
#include "runtime/templates/compare.hpp"
#include "runtime/templates/objects.hpp"
#include "runtime/templates/repr.hpp"
#include "runtime/templates/runtime.hpp"
#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

class ListIterator : public Iterator {
 public:
  explicit ListIterator(ListPtr list) : list_(std::move(list)) {}
  bool next(Value &item) override {
    if (place_ >= list_->items.size()) return false;
    item = list_->items[place_++];
    return true;
  }

 private:
  ListPtr list_;
  size_t place_ = 0;
};

class KeyIterator : public Iterator {
 public:
  explicit KeyIterator(DictPtr dict) : dict_(std::move(dict)) {}
  bool next(Value &item) override {
    if (place_ >= dict_->size()) return false;
    item = dict_->entries()[place_++].first;
    return true;
  }

 private:
  DictPtr dict_;
  size_t place_ = 0;
};

class CharacterIterator : public Iterator {
 public:
  explicit CharacterIterator(Text text) : text_(std::move(text)) {}
  bool next(Value &item) override {
    if (place_ >= text_.str().size()) return false;
    const size_t length = character_bytes(text_.str(), place_);
    item = Value(text_.str().substr(place_, length));
    place_ += length;
    return true;
  }

 private:
  Text text_;
  size_t place_ = 0;
};

class FunctionIterator : public Iterator {
 public:
  explicit FunctionIterator(std::function<bool(Value &)> next) : next_(std::move(next)) {}
  bool next(Value &item) override {
    if (!next_) return false;
    bool more = false;
    try {
      more = next_(item);
    } catch (...) {
      next_ = nullptr;
      throw;
    }
    if (!more) next_ = nullptr;
    return more;
  }

 private:
  std::function<bool(Value &)> next_;
};

/// Hands out the one iterator it has, as Python's generators do.
class Generator : public Object {
 public:
  Generator(std::shared_ptr<Iterator> iterator, std::string type_name)
      : iterator_(std::move(iterator)), type_name_(std::move(type_name)) {}
  std::string type_name() const override { return type_name_; }
  std::shared_ptr<Iterator> iterate(Runtime &) override { return iterator_; }

 private:
  std::shared_ptr<Iterator> iterator_;
  std::string type_name_;
};

/// Counts the steps of another one, so that no loop in a filter goes on without end.
class CountingIterator : public Iterator {
 public:
  CountingIterator(Runtime &runtime, std::shared_ptr<Iterator> inner)
      : runtime_(runtime), inner_(std::move(inner)) {}
  bool next(Value &item) override {
    const Level level(runtime_.budget());
    runtime_.budget().step();
    return inner_->next(item);
  }

 private:
  Runtime &runtime_;
  std::shared_ptr<Iterator> inner_;
};

std::shared_ptr<Iterator> iterate_directly(Runtime &runtime, const Value &value) {
  if (value.is_list()) return std::make_shared<ListIterator>(value.list_ptr());
  if (value.is_dict()) return std::make_shared<KeyIterator>(value.dict_ptr());
  if (value.is_text()) return std::make_shared<CharacterIterator>(value.as_text());
  if (value.is_undefined()) return std::make_shared<FunctionIterator>(nullptr);
  return value.is_object() ? value.as_object()->iterate(runtime) : nullptr;
}

}  // namespace

std::shared_ptr<Iterator> iterate(Runtime &runtime, const Value &value, const std::string &message) {
  auto iterator = iterate_directly(runtime, value);
  if (!iterator) type_error(message.empty() ? "'" + value.type_name() + "' object is not iterable" : message);
  return std::make_shared<CountingIterator>(runtime, std::move(iterator));
}

bool is_iterable(Runtime &runtime, const Value &value) { return iterate_directly(runtime, value) != nullptr; }

std::vector<Value> drain(Runtime &runtime, Iterator &iterator) {
  std::vector<Value> items;
  for (Value item; iterator.next(item);) {
    runtime.budget().make(sizeof(Value));
    items.push_back(std::move(item));
  }
  return items;
}

std::vector<Value> to_items(Runtime &runtime, const Value &value) {
  return drain(runtime, *iterate(runtime, value));
}

std::optional<int64_t> length(Runtime &runtime, const Value &value) {
  if (value.is_text()) return static_cast<int64_t>(count_characters(value.str()));
  if (value.is_list()) return static_cast<int64_t>(value.as_list().items.size());
  if (value.is_dict()) return static_cast<int64_t>(value.as_dict().size());
  if (value.is_undefined()) return 0;
  return value.is_object() ? value.as_object()->length(runtime) : std::nullopt;
}

int64_t require_length(Runtime &runtime, const Value &value) {
  const auto found = length(runtime, value);
  if (!found) type_error("object of type '" + value.type_name() + "' has no len()");
  return *found;
}

Value make_generator(std::function<bool(Value &)> next, const Value &source, const std::string &type_name) {
  if (source.depth() >= kMaxValueDepth)
    fail(Failure::Kind::limit, "the template nests generators too deeply");
  auto generator =
      std::make_shared<Generator>(std::make_shared<FunctionIterator>(std::move(next)), type_name);
  generator->depth = source.depth() + 1;
  return Value(ObjectPtr(std::move(generator)));
}

int64_t Range::size() const {
  const auto span = step_ > 0 ? static_cast<__int128>(stop_) - start_ : static_cast<__int128>(start_) - stop_;
  const auto step = step_ > 0 ? static_cast<__int128>(step_) : -static_cast<__int128>(step_);
  const __int128 count = span <= 0 ? 0 : (span + step - 1) / step;
  return count > INT64_MAX ? INT64_MAX : static_cast<int64_t>(count);
}

std::string Range::repr() const {
  const std::string both = std::to_string(start_) + ", " + std::to_string(stop_);
  return "range(" + both + (step_ == 1 ? "" : ", " + std::to_string(step_)) + ")";
}

std::optional<Value> Range::item(Runtime &, const Value &key) {
  if (!key.is_integral()) return std::nullopt;
  const int64_t index = key.as_int() < 0 ? key.as_int() + size() : key.as_int();
  if (index < 0 || index >= size()) return std::nullopt;
  return Value(at(index));
}

std::optional<int64_t> Range::place_of(const Value &value) const {
  for (int64_t i = 0; i < size(); ++i)
    if (is_equal(Value(at(i)), value)) return i;
  return std::nullopt;
}

std::optional<Value> Range::attribute(Runtime &, const std::string &name) {
  if (name == "start") return Value(start_);
  if (name == "stop") return Value(stop_);
  if (name == "step") return Value(step_);
  if (name != "index" && name != "count") return std::nullopt;
  return make_function(
      name, [range = *this, counts = name == "count"](Runtime &runtime, const Arguments &arguments) {
        const Parameters parameters(counts ? "count" : "index", arguments, {""}, 1);
        runtime.budget().step(range.size());
        const auto place = range.place_of(parameters[0]);
        if (counts) return Value(place ? 1 : 0);
        if (!place) value_error(templates::repr(parameters[0]) + " is not in range");
        return Value(*place);
      });
}

std::shared_ptr<Iterator> Range::iterate(Runtime &) {
  return std::make_shared<FunctionIterator>([range = *this, index = int64_t{0}](Value &item) mutable {
    if (index >= range.size()) return false;
    item = Value(range.at(index++));
    return true;
  });
}

std::string DictView::repr() const { return type_name_ + "(" + templates::repr(items_) + ")"; }

std::shared_ptr<Iterator> DictView::iterate(Runtime &) {
  return std::make_shared<ListIterator>(items_.list_ptr());
}

}  // namespace kvern::templates
