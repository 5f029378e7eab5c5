// Any text is a template that renders, or one clear failure with its line: within the limits of steps, memory and depth. After
// a byte 0 follow the variables, as JSON.
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <kvern/error.hpp>
#include <string_view>

#include "runtime/templates/chat_template.hpp"
#include "runtime/templates/json_text.hpp"

namespace {

using namespace kvern::templates;

constexpr std::string_view kVariables =
    R"({"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hé <b>"},
        {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": {"x": [1, 2.5, true]}}}]}],
        "tools": null, "xs": [3, 1, 2], "s": "a b c", "d": {"b": 1, "a": {"k": []}}, "n": -7, "f": 0.1, "bos_token": "<s>"})";

Dict variables(std::string_view text) {
  const Value value = from_json(text, "variables", kvern::ErrorKind::input);
  return value.is_dict() ? value.as_dict() : Dict();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string_view text(reinterpret_cast<const char *>(data), size);
  const size_t zero = text.find('\0');
  Limits limits;
  limits.steps = 200'000;
  limits.bytes = 4 << 20;
  limits.value_bytes = 1 << 18;
  try {
    const ChatTemplate chat_template(text.substr(0, zero), "template");
    chat_template.render(variables(zero == text.npos ? kVariables : text.substr(zero + 1)), std::tm{},
                         limits);
  } catch (const TemplateError &error) {
    if (error.line() < 1 || error.text().empty()) std::abort();
  } catch (const kvern::Error &error) {
    if (error.kind() != kvern::ErrorKind::input) std::abort();  // the variables
  }
  return 0;
}
