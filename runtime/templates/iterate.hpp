// Going through values: what can be gone through, generators, and lists of all that comes.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/templates/value.hpp"

namespace kvern::templates {

/// Characters of a text, items of a list, keys of a dict, nothing of an undefined value. Fails with `message`, without one
/// with "'TYPE' object is not iterable".
std::shared_ptr<Iterator> iterate(Runtime &runtime, const Value &value, const std::string &message = "");
bool is_iterable(Runtime &runtime, const Value &value);

/// All that comes, counted as a new list.
std::vector<Value> to_items(Runtime &runtime, const Value &value);
std::vector<Value> drain(Runtime &runtime, Iterator &iterator);

/// len(value), or nothing where Python has none.
std::optional<int64_t> length(Runtime &runtime, const Value &value);
int64_t require_length(Runtime &runtime, const Value &value);

/// A value that can be gone through once, computed as it is. `source`: what it goes through, for the limit of depth.
Value make_generator(std::function<bool(Value &)> next, const Value &source,
                     const std::string &type_name = "generator");

/// range(start, stop, step); step is not 0.
class Range : public Object {
 public:
  Range(int64_t start, int64_t stop, int64_t step) : start_(start), stop_(stop), step_(step) {}
  int64_t size() const;
  int64_t at(int64_t index) const { return start_ + index * step_; }
  /// The part [start, stop) of its places, every `step`th; both within what slice.indices gives.
  Range sliced(int64_t start, int64_t stop, int64_t step) const {
    return {at(start), at(stop), step_ * step};
  }
  std::string type_name() const override { return "range"; }
  std::string repr() const override;
  std::optional<Value> attribute(Runtime &, const std::string &name) override;
  std::optional<Value> item(Runtime &, const Value &key) override;
  bool has_items() const override { return true; }
  std::shared_ptr<Iterator> iterate(Runtime &) override;
  std::optional<int64_t> length(Runtime &) override { return size(); }

 private:
  std::optional<int64_t> place_of(const Value &value) const;

  int64_t start_, stop_, step_;
};

/// keys(), values() and items() of a dict.
class DictView : public Object {
 public:
  DictView(std::string type_name, std::vector<Value> items)
      : type_name_(std::move(type_name)), items_(Value::list(std::move(items))) {
    depth = items_.depth();
    weight = items_.weight();
  }
  const std::vector<Value> &items() const { return items_.as_list().items; }
  std::string type_name() const override { return type_name_; }
  std::string repr() const override;
  std::shared_ptr<Iterator> iterate(Runtime &) override;
  std::optional<int64_t> length(Runtime &) override { return static_cast<int64_t>(items().size()); }

 private:
  std::string type_name_;
  Value items_;
};

}  // namespace kvern::templates
