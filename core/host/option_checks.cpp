// The user's options against those that a plugin accepts: names and types. Values are the plugin's to judge.
#include <kvern/options.hpp>
#include <kvern/plugin_registry.hpp>

#include <algorithm>
#include <cstdio>

namespace kvern {
namespace {

const char *type_text(int32_t type) {
  switch (type) {
    case KVERN_BOOL:
      return "true or false";
    case KVERN_INT:
      return "an integer";
    case KVERN_FLOAT:
      return "a number";
    case KVERN_STRING:
      return "a string";
    case KVERN_TABLE:
      return "a table";
    case KVERN_ARRAY:
      return "an array";
  }
  return "of an unknown type";
}

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

std::string value_text(const kvern_option &option) {
  switch (option.type) {
    case KVERN_BOOL:
      return option.i ? "true" : "false";
    case KVERN_INT:
      return "the integer " + std::to_string(option.i);
    case KVERN_FLOAT:
      return "the number " + number_text(option.f);
    case KVERN_STRING:
      return std::string("the string \"") + (option.s ? option.s : "") + "\"";
  }
  return type_text(option.type);
}

std::vector<std::string> accepted_names(const kvern_plugin &plugin) {
  std::vector<std::string> names;
  for (uint32_t i = 0; i < plugin.n_options; ++i) names.emplace_back(plugin.options[i]->key);
  return names;
}

std::string list_of(const std::vector<std::string> &names) {
  std::string list;
  for (const auto &name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

/// One message for all `keys` that the plugin does not know, each with its place if it has one.
std::string unknown_options(const kvern_plugin &plugin,
                            const std::vector<std::pair<std::string, std::string>> &keys) {
  constexpr size_t kNamed = 10;
  const std::vector<std::string> names = accepted_names(plugin);
  const bool one = keys.size() == 1;
  std::string text = "cache '" + std::string(plugin.name) + "' has no option" + (one ? " " : "s ");
  for (size_t i = 0; i < std::min(keys.size(), kNamed); ++i) {
    const auto &[key, place] = keys[i];
    const std::string near = nearest_name(key, names);
    text += (i ? ", '" : "'") + key + "'";
    if (one)
      text += did_you_mean(key, names);
    else if (const std::string hint = near.empty() ? "" : "did you mean '" + near + "'?";
             i > 0 && !place.empty())
      text += " (" + place + (hint.empty() ? "" : ": " + hint) + ")";
    else if (!hint.empty())
      text += " (" + hint + ")";
  }
  if (keys.size() > kNamed) text += " and " + std::to_string(keys.size() - kNamed) + " more";
  if (names.empty()) return text + "; it has none";
  return text + (text.back() == '?' ? " It has " : "; it has ") + list_of(names);
}

const kvern_option *find_accepted(const kvern_plugin &plugin, std::string_view key) {
  const auto *end = plugin.options + plugin.n_options;
  const auto *found = std::find_if(plugin.options, end, [&](const auto *o) { return key == o->key; });
  return found == end ? nullptr : *found;
}

/// "" if the option is accepted, else what is wrong with it.
std::string problem(const kvern_plugin &plugin, const kvern_option &option) {
  const std::string key = option.key ? option.key : "";
  const kvern_option *accepted = find_accepted(plugin, key);
  if (accepted == nullptr) return unknown_options(plugin, {{key, ""}});
  const int32_t wanted = accepted->type;
  if (option.type == wanted || (wanted == KVERN_FLOAT && option.type == KVERN_INT)) return "";
  return "option '" + key + "' of cache '" + plugin.name + "' must be " + type_text(wanted) + ", not " +
         value_text(option);
}

}  // namespace

void check_options(const kvern_plugin &plugin, const kvern_option *const *options, uint32_t n_options,
                   const std::string &place) {
  const std::string where = place.empty() ? "" : place + ": ";
  for (uint32_t i = 0; i < n_options; ++i) {
    const std::string wrong = problem(plugin, *options[i]);
    if (!wrong.empty()) throw Error(ErrorKind::config, where + wrong);
    for (uint32_t j = 0; j < i; ++j)
      if (std::string_view(options[i]->key) == options[j]->key)
        throw Error(ErrorKind::config,
                    where + "option '" + options[i]->key + "' of cache '" + plugin.name + "' is given twice");
  }
}

void check_options(const kvern_plugin &plugin, const OptionTable &options) {
  std::vector<std::pair<std::string, std::string>> unknown;
  for (const auto &[key, option] : options)
    if (find_accepted(plugin, key) == nullptr) unknown.emplace_back(key, option.place);
  if (!unknown.empty()) {
    const std::string &place = unknown.front().second;
    throw Error(ErrorKind::config, (place.empty() ? "" : place + ": ") + unknown_options(plugin, unknown));
  }
  const AbiOptions all(options);
  for (uint32_t i = 0; i < all.size(); ++i) check_options(plugin, all.data() + i, 1, options[i].second.place);
  check_options(plugin, all.data(), all.size(), "");
}

}  // namespace kvern
