#include "runtime/tokenizer/models/flat_index.hpp"

#include <map>
#include <random>

#include "tests/support/test.hpp"

using kvern::tokenizer::FlatIndex;

TEST_CASE("An index by hash finds what a map finds, though many hashes are alike") {
  std::mt19937 random(5);
  for (const size_t reserved : {size_t{0}, size_t{700}}) {
    FlatIndex index;
    index.reserve(reserved);
    std::vector<uint64_t> keys;
    std::map<uint64_t, uint32_t> want;
    const auto hash = [](uint64_t key) { return key % 97; };
    const auto find = [&](uint64_t key) {
      return index.find(hash(key), [&](uint32_t number) { return keys[number] == key; });
    };
    CHECK(find(3) == FlatIndex::kNone);
    for (int i = 0; i < 700; ++i) {
      const uint64_t key = random() % 1000;
      const auto known = want.find(key);
      CHECK(find(key) == (known == want.end() ? FlatIndex::kNone : known->second));
      if (known != want.end()) continue;
      const auto number = static_cast<uint32_t>(keys.size());
      want[key] = number;
      keys.push_back(key);
      index.insert(hash(key), number);
    }
    for (const auto &[key, number] : want) CHECK(find(key) == number);
  }
}
