// tokenizer.json, tokenizer_config.json and a text of any bytes: loading, encoding and decoding end with a result or an
// Error, whatever they hold. The three parts are separated by zero bytes.
#include <cstdint>
#include <kvern/error.hpp>
#include <string_view>
#include <vector>

#include "runtime/tokenizer/decode_stream.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace {

std::string_view take_part(std::string_view &rest) {
  const size_t end = rest.find('\0');
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return part;
}

void use(const kvern::Tokenizer &tokenizer, std::string_view text) {
  const std::vector<int64_t> ids = tokenizer.encode_hf(text, true);
  tokenizer.encode_pair(text, "b a", true);
  tokenizer.decode(ids, false);
  tokenizer.text(ids, true);
  kvern::DecodeStream stream(tokenizer, false);
  for (int64_t id = 0; id < 20; ++id) stream.push(id);
  stream.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view rest(reinterpret_cast<const char *>(data), size);
  const std::string_view tokenizer = take_part(rest), config = take_part(rest);
  try {
    use(kvern::Tokenizer::from_json(tokenizer, config), rest.empty() ? "a  b\n\xC3\xA9 <s>" : rest);
  } catch (const kvern::Error &) {
  }
  return 0;
}
