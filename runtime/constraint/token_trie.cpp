#include "runtime/constraint/token_trie.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace kvern::constraint {

TokenTrie::TokenTrie(const TokenBytes &bytes) {
  std::vector<std::pair<std::string_view, int64_t>> sorted;
  for (size_t id = 0; id < bytes.size(); ++id)
    if (bytes[id] && !bytes[id]->empty()) sorted.emplace_back(*bytes[id], static_cast<int64_t>(id));
  std::sort(sorted.begin(), sorted.end());
  std::vector<uint32_t> path;  // nodes of the token before
  std::string_view before;
  const auto close = [&](size_t keep) {
    for (; path.size() > keep; path.pop_back())
      nodes[path.back()].behind = static_cast<uint32_t>(nodes.size());
  };
  for (const auto &[text, id] : sorted) {
    const auto common = static_cast<size_t>(
        std::mismatch(text.begin(), text.end(), before.begin(), before.end()).first - text.begin());
    close(common);
    for (size_t i = common; i < text.size(); ++i) {
      path.push_back(static_cast<uint32_t>(nodes.size()));
      nodes.push_back({static_cast<uint8_t>(text[i]), static_cast<uint32_t>(i + 1), 0,
                       static_cast<uint32_t>(tokens.size()), 0});
    }
    ++nodes[path.back()].n_tokens;
    tokens.push_back(id);
    depth = std::max(depth, static_cast<uint32_t>(text.size()));
    before = text;
  }
  close(0);
}

}  // namespace kvern::constraint
