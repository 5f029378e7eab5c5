// The values of a template: those of Python that JSON and Jinja make, none of which changes once it is made. What
// changes (namespaces, loops, cyclers, generators) is an Object.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/templates/failure.hpp"

namespace kvern::templates {

class Value;
class Runtime;

/// Values in lists at most so deep, so that no walk over a value can overflow the stack.
inline constexpr int kMaxValueDepth = 200;
/// The weight of a value is what a walk over it visits: values and bytes, shared ones as often as they occur. No value
/// weighs more, so that a walk ends.
inline constexpr int64_t kMaxWeight = int64_t{256} << 20;

struct None {};

/// The absent value: prints as nothing, is false, empty and iterable; whatever else is done with it fails with its message.
struct Undefined {
  std::string message;
};

/// Valid UTF-8. `markup`: escaped for HTML, as |safe and |escape make it.
struct Text {
  std::shared_ptr<const std::string> text;
  bool markup = false;

  const std::string &str() const { return *text; }
};

struct List;
class Dict;
class Object;
enum class ListKind { list, tuple, group };  ///< group: the (grouper, list) of |groupby, a tuple with names

using ListPtr = std::shared_ptr<const List>;
using DictPtr = std::shared_ptr<const Dict>;
using ObjectPtr = std::shared_ptr<Object>;

class Value {
 public:
  Value() : data_(None()) {}
  Value(bool value) : data_(value) {}                         // NOLINT: converts as Python's literals do
  Value(int value) : data_(int64_t{value}) {}                 // NOLINT
  Value(int64_t value) : data_(value) {}                      // NOLINT
  Value(double value) : data_(value) {}                       // NOLINT
  Value(std::string text, bool markup = false);               // NOLINT
  Value(std::string_view text) : Value(std::string(text)) {}  // NOLINT
  Value(const char *text) : Value(std::string(text)) {}       // NOLINT
  Value(Text text) : data_(std::move(text)) {}                // NOLINT
  Value(ListPtr list) : data_(std::move(list)) {}             // NOLINT
  Value(DictPtr dict) : data_(std::move(dict)) {}             // NOLINT
  Value(ObjectPtr object) : data_(std::move(object)) {}       // NOLINT

  static Value undefined(std::string message);
  static Value undefined_name(const std::string &name);
  static Value list(std::vector<Value> items,
                    ListKind kind = ListKind::list);  ///< fails where nested too deeply
  static Value tuple(std::vector<Value> items);
  static Value dict(Dict dict);

  bool is_undefined() const { return holds<std::shared_ptr<const Undefined>>(); }
  bool is_none() const { return holds<None>(); }
  bool is_bool() const { return holds<bool>(); }
  bool is_int() const { return holds<int64_t>(); }  ///< bool is not one here
  bool is_float() const { return holds<double>(); }
  bool is_text() const { return holds<Text>(); }
  bool is_list() const { return holds<ListPtr>(); }  ///< list or tuple
  bool is_dict() const { return holds<DictPtr>(); }
  bool is_object() const { return holds<ObjectPtr>(); }
  bool is_integral() const { return is_int() || is_bool(); }
  bool is_number() const { return is_integral() || is_float(); }
  bool is_markup() const { return is_text() && as_text().markup; }

  bool as_bool() const { return std::get<bool>(data_); }
  int64_t as_int() const { return is_bool() ? int64_t{as_bool()} : std::get<int64_t>(data_); }
  double as_double() const { return is_float() ? std::get<double>(data_) : static_cast<double>(as_int()); }
  const Text &as_text() const { return std::get<Text>(data_); }
  const std::string &str() const { return as_text().str(); }
  const List &as_list() const { return *std::get<ListPtr>(data_); }
  const ListPtr &list_ptr() const { return std::get<ListPtr>(data_); }
  const Dict &as_dict() const { return *std::get<DictPtr>(data_); }
  const DictPtr &dict_ptr() const { return std::get<DictPtr>(data_); }
  const ObjectPtr &as_object() const { return std::get<ObjectPtr>(data_); }
  const std::string &undefined_message() const {
    return std::get<std::shared_ptr<const Undefined>>(data_)->message;
  }

  /// The object as a T, or null.
  template <typename T>
  T *object_as() const;

  /// Python's type(value).__name__.
  std::string type_name() const;
  /// How Jinja names it in messages: "'str object'", "None".
  std::string described() const;
  int depth() const;
  int64_t weight() const;
  bool is_same(const Value &other) const;  ///< Python's `is`

 private:
  template <typename T>
  bool holds() const {
    return std::holds_alternative<T>(data_);
  }

  std::variant<std::shared_ptr<const Undefined>, None, bool, int64_t, double, Text, ListPtr, DictPtr,
               ObjectPtr>
      data_;
};

struct List {
  using Kind = ListKind;
  std::vector<Value> items;
  Kind kind = Kind::list;
  int depth = 1;
  int64_t weight = 1;

  bool is_tuple() const { return kind != Kind::list; }
};

/// A dict of Python: in the order of insertion, 1, 1.0 and true being one key.
class Dict {
 public:
  const Value *find(const Value &key) const;  ///< fails for a key that cannot be hashed
  const Value *find(std::string_view key) const;
  const Value *find(const std::string &key) const { return find(std::string_view(key)); }
  const Value *find(const char *key) const { return find(std::string_view(key)); }
  void set(Value key, Value value);
  const std::vector<std::pair<Value, Value>> &entries() const { return entries_; }
  size_t size() const { return entries_.size(); }
  int depth() const { return depth_; }
  int64_t weight() const { return weight_; }

 private:
  std::vector<std::pair<Value, Value>> entries_;
  std::unordered_multimap<size_t, size_t> index_;  // hash -> place
  int depth_ = 1;
  int64_t weight_ = 1;
};

/// Arguments of a call.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

/// Goes through a value once.
class Iterator {
 public:
  virtual ~Iterator() = default;
  virtual bool next(Value &item) = 0;  ///< false at the end, and from then on
};

/// Whatever has an identity. The defaults are those of a Python object that can nothing.
class Object {
 public:
  virtual ~Object() = default;
  virtual std::string type_name() const = 0;
  virtual std::string repr() const { return "<" + type_name() + " object>"; }
  virtual std::optional<Value> attribute(Runtime &, const std::string &) { return std::nullopt; }
  virtual std::optional<Value> item(Runtime &, const Value &) { return std::nullopt; }  ///< as obj[key]
  virtual bool has_items() const { return false; }  ///< whether __getitem__ exists
  virtual bool is_callable() const { return false; }
  virtual Value call(Runtime &runtime, const Arguments &arguments);
  virtual std::shared_ptr<Iterator> iterate(Runtime &) { return nullptr; }  ///< null: not iterable
  virtual std::optional<int64_t> length(Runtime &) { return std::nullopt; }
  virtual void clear() {}  ///< drops what may refer back to this
  int depth = 1;           ///< of what it goes through lazily
  int64_t weight = 1;
};

template <typename T>
T *Value::object_as() const {
  return is_object() ? dynamic_cast<T *>(as_object().get()) : nullptr;
}

/// Fails with the message of an undefined value; does nothing for others.
void require_defined(const Value &value);

}  // namespace kvern::templates
