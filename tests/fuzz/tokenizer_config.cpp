// tokenizer_config.json, special_tokens_map.json, added_tokens.json and config.json beside a fixed tokenizer.json: loading and
// using the tokenizer ends with a result or an Error. The four parts are separated by zero bytes.
#include <cstdint>
#include <kvern/error.hpp>
#include <string_view>
#include <vector>

#include "runtime/tokenizer/load/tokenizer_config.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace {

constexpr std::string_view kTokenizer =
    R"({"added_tokens":[{"id":3,"content":"<s>","special":true},{"id":4,"content":"<x>","lstrip":true}],)"
    R"("pre_tokenizer":{"type":"ByteLevel","add_prefix_space":true,"use_regex":true},"decoder":{"type":"ByteLevel"},)"
    R"("model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"<s>":3},"merges":["a b"],"unk_token":"a"}})";

nlohmann::json take_part(std::string_view &rest, const char *name) {
  const size_t end = rest.find('\0');
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return part.empty() ? nlohmann::json() : kvern::tokenizer::parse_json(part, name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view rest(reinterpret_cast<const char *>(data), size);
  try {
    kvern::tokenizer::TokenizerFiles files;
    files.tokenizer = nlohmann::json::parse(kTokenizer);
    files.tokenizer_config = take_part(rest, "tokenizer_config.json");
    files.special_tokens_map = take_part(rest, "special_tokens_map.json");
    files.added_tokens = take_part(rest, "added_tokens.json");
    files.model_config = take_part(rest, "config.json");
    const kvern::Tokenizer tokenizer = kvern::Tokenizer::from_files(std::move(files));
    const std::vector<int64_t> ids = tokenizer.encode_hf("ab <s> <x>\xC3\xA9", true);
    tokenizer.text(ids, true);
    tokenizer.continuation(ids, ids, true);
    tokenizer.special_token_id("bos_token");
  } catch (const kvern::Error &) {
  }
  return 0;
}
