// Nesting of JSON texts. nlohmann::json parses any depth, but copies and compares values by recursion: one stack frame
// for each level.
#pragma once
#include <string>
#include <string_view>

namespace kvern {

/// As serde_json has it, by which tokenizers and safetensors read the same files.
constexpr int kMaxJsonDepth = 128;

/// Throws Error(model) "PLACE:LINE: ..." where lists and objects are nested more than kMaxJsonDepth deep. Linear; a text
/// that is no JSON may pass.
void check_json_depth(std::string_view text, const std::string &place);

}  // namespace kvern
