// Keys that stand twice in one object of a JSON text, of which parsers keep one in silence.
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace kvern {

/// The events of a text as the library's parser tells them.
template <class Json>
class KeyWatch : public nlohmann::json_sax<Json> {
 public:
  using typename nlohmann::json_sax<Json>::number_integer_t;
  using typename nlohmann::json_sax<Json>::number_unsigned_t;
  using typename nlohmann::json_sax<Json>::number_float_t;
  using typename nlohmann::json_sax<Json>::string_t;
  using typename nlohmann::json_sax<Json>::binary_t;

  std::optional<std::string> repeated;

  bool start_object(std::size_t) override {
    open_.emplace_back();
    return true;
  }
  bool end_object() override {
    open_.pop_back();
    return true;
  }
  bool key(string_t &name) override {
    if (open_.back().insert(name).second) return true;
    repeated = name;
    return false;
  }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t &) override { return true; }
  bool string(string_t &) override { return true; }
  bool binary(binary_t &) override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t, const std::string &, const nlohmann::detail::exception &) override {
    return false;
  }

 private:
  std::vector<std::unordered_set<std::string>> open_;
};

/// The first key that its object has already; none if the text ends or breaks before. A pass of its own: the library's parser with
/// a callback searches the whole parent whenever an object ends, which is quadratic in the number of members.
template <class Json>
std::optional<std::string> repeated_key(std::string_view text) {
  KeyWatch<Json> watch;
  Json::sax_parse(text, &watch);
  return watch.repeated;
}

}  // namespace kvern
