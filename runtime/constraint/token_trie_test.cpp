#include "runtime/constraint/token_trie.hpp"

#include "runtime/constraint/grammar_constraint.hpp"
#include "runtime/constraint/testing/written.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using namespace kvern::constraint;
using namespace kvern::test;

namespace {

TokenBytes random_vocabulary(std::mt19937 &random, size_t n) {
  TokenBytes tokens;
  for (size_t i = 0; i < n; ++i) {
    std::string token;
    for (size_t length = random() % 5; length > 0; --length) token += "ab\"{}:, 1"[random() % 9];
    tokens.push_back(random() % 12 == 0 ? std::nullopt : std::optional(token));
  }
  return tokens;
}

bool is_allowed(std::span<const uint64_t> mask, size_t id) { return (mask[id / 64] >> (id % 64) & 1) != 0; }

}  // namespace

TEST_CASE("The trie holds every token that is text, and steps over what does not continue a node") {
  const TokenBytes tokens{"a", "abc", std::nullopt, "ab", "", "b", "a"};
  const TokenTrie trie(tokens);
  CHECK(trie.tokens.size() == 5);
  CHECK(trie.depth == 3);
  CHECK(trie.nodes.size() == 4);
  CHECK(trie.nodes[0].n_tokens == 2);
  CHECK(trie.nodes[0].behind == 3);
  CHECK(trie.nodes[3].behind == 4);
}

TEST_CASE("A mask allows the tokens whose bytes may follow, each tried alone") {
  std::mt19937 random(5);
  const auto bytes = std::make_shared<const TokenBytes>(random_vocabulary(random, 300));
  const auto trie = std::make_shared<const TokenTrie>(*bytes);
  const std::string schema =
      R"({"type":"object","properties":{"a":{"type":"string","maxLength":4},"b":{"enum":[1,11]}}})";
  Language language = schema_language(schema, "s");
  auto machine = machine_of(language);
  const auto constraint = make_token_constraint(language.grammar, language.rule, trie, bytes);
  for (int walk = 0; walk < 20; ++walk) {
    int64_t state = constraint->start();
    std::string text;
    for (int step = 0; step < 12; ++step) {
      const auto mask = constraint->allowed(state);
      std::vector<int64_t> allowed;
      for (size_t id = 0; id < bytes->size(); ++id) {
        auto at = machine.start();
        const std::string all = text + (*bytes)[id].value_or("");
        for (const char c : all)
          if (at != ByteMachine::kDead) at = machine.next(at, static_cast<uint8_t>(c));
        const bool good = (*bytes)[id] && !(*bytes)[id]->empty() && at != ByteMachine::kDead;
        INFO(text << " + " << (*bytes)[id].value_or("(none)"));
        CHECK(is_allowed(mask, id) == good);
        if (good) allowed.push_back(static_cast<int64_t>(id));
      }
      CHECK(constraint->complete(state) == accepts(machine, text));
      if (allowed.empty()) break;
      const int64_t token = allowed[random() % allowed.size()];
      text += *(*bytes)[static_cast<size_t>(token)];
      state = constraint->next(state, token);
      REQUIRE(state != TokenConstraint::kDead);
    }
  }
}

TEST_CASE("Tokens that are no text lead nowhere, and ids beyond the vocabulary neither") {
  const auto bytes = std::make_shared<const TokenBytes>(TokenBytes{"a", std::nullopt, ""});
  Language language = regex_language("a*", "p");
  const auto constraint = make_token_constraint(language.grammar, language.rule,
                                                std::make_shared<const TokenTrie>(*bytes), bytes);
  CHECK(constraint->next(constraint->start(), 0) != TokenConstraint::kDead);
  for (const int64_t id : {int64_t{1}, int64_t{2}, int64_t{3}, int64_t{-1}})
    CHECK(constraint->next(constraint->start(), id) == TokenConstraint::kDead);
}

TEST_CASE("Equal futures have equal states: a loop of a pattern, and items of a list, make no new ones") {
  const auto bytes = std::make_shared<const TokenBytes>(TokenBytes{"a", ",1", "[1"});
  const auto trie = std::make_shared<const TokenTrie>(*bytes);
  Language letters = regex_language("a{3,}", "p");
  const auto loop = make_token_constraint(letters.grammar, letters.rule, trie, bytes);
  int64_t state = loop->start();
  for (int i = 0; i < 4; ++i) state = loop->next(state, 0);
  CHECK(loop->next(state, 0) == state);
  Language list = schema_language(R"({"type":"array","items":{"const":1}})", "s");
  const auto items = make_token_constraint(list.grammar, list.rule, trie, bytes);
  state = items->next(items->next(items->start(), 2), 1);
  CHECK(items->next(state, 1) == state);
}

TEST_CASE("A mask that cannot be made is refused every time it is asked for") {
  Grammar grammar;
  const auto rule = grammar.add_rule();
  const auto ways = grammar.add_state(), end = grammar.add_state();
  grammar.add_bytes(grammar.start_of(rule), {'a', 'a'}, ways);
  for (int i = 0; i < 100'001; ++i) {
    const auto way = grammar.add_state();
    grammar.add_empty(ways, way);
    grammar.add_bytes(way, {'b', 'b'}, end);
  }
  grammar.set_returns(end);
  const auto bytes = std::make_shared<const TokenBytes>(TokenBytes{"a"});
  const auto constraint =
      make_token_constraint(grammar, rule, std::make_shared<const TokenTrie>(*bytes), bytes);
  for (int time = 0; time < 2; ++time) {
    INFO(time);
    CHECK_THROWS_WITH(constraint->allowed(constraint->start()),
                      Catch::Matchers::Contains("more than 100000 ways"));
  }
}
