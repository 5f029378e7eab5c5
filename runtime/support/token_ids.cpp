#include "runtime/support/token_ids.hpp"

#include <charconv>
#include <kvern/error.hpp>

#include "runtime/support/printable.hpp"

namespace kvern {

std::vector<int64_t> parse_token_ids(std::string_view text, const std::string &place) {
  const auto refuse = [&](const char *p, const std::string &why) {
    throw Error(ErrorKind::input, place + ": " + in_quotes({p, text.data() + text.size()}) + why);
  };
  const char *p = text.data(), *const end = p + text.size();
  std::vector<int64_t> ids;
  while (true) {
    while (p < end && *p == ' ') ++p;
    int64_t id = 0;
    const auto [next, problem] = std::from_chars(p, end, id);
    if (problem == std::errc::result_out_of_range) refuse(p, " begins with a number of more than 64 bits");
    if (problem != std::errc()) {
      refuse(p, " does not begin with an id; ids are numbers separated by commas, as in 1,2,3");
    }
    ids.push_back(id);
    for (p = next; p < end && *p == ' ';) ++p;
    if (p == end) return ids;
    if (*p != ',') refuse(p, " should begin with a comma; ids are numbers separated by commas, as in 1,2,3");
    ++p;
  }
}

}  // namespace kvern
