// What the masks of response_format cost at a vocabulary of 151,936, against a lower bound of a decode step of the Qwen2-0.5B shape in
// float32 on one thread: reading its 494 million weights once. Both are timed by turns in one run.
//
//   kvern_structured_masks FOLDER...    folders with a tokenizer.json; joined pairs of their tokens fill up the vocabulary
#include <algorithm>
#include <numeric>
#include <ctime>

#include <iostream>
#include <kvern/error.hpp>
#include <random>
#include <set>

#include "runtime/constraint/grammar_constraint.hpp"
#include "runtime/constraint/response_format.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace {

using namespace kvern;
using namespace kvern::constraint;

constexpr size_t kVocabulary = 151'936, kWeights = 494'032'768, kBuffer = size_t{128} << 20;
constexpr int kSteps = 60;

double thread_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

TokenBytes vocabulary(const std::vector<std::string> &folders) {
  std::set<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.insert(std::string(1, static_cast<char>(byte)));
  for (const auto &folder : folders) {
    const Tokenizer tokenizer = Tokenizer::load(folder);
    for (const auto &bytes : tokenizer.token_bytes(tokenizer.vocab_size() + 2000))
      if (bytes && !bytes->empty()) tokens.insert(*bytes);
  }
  std::vector<std::string> list(tokens.begin(), tokens.end());
  std::mt19937 random(1);
  while (tokens.size() < kVocabulary)
    tokens.insert(list[random() % list.size()] + list[random() % list.size()]);
  TokenBytes result(tokens.begin(), tokens.end());
  std::shuffle(result.begin(), result.end(), random);
  result.resize(kVocabulary);
  return result;
}

/// Sum of as many floats as the model has weights.
float read_weights(const std::vector<float> &buffer) {
  float sums[16] = {};
  for (size_t done = 0; done < kWeights; done += buffer.size())
    for (size_t i = 0; i + 16 <= std::min(buffer.size(), kWeights - done); i += 16)
      for (size_t lane = 0; lane < 16; ++lane) sums[lane] += buffer[i + lane];
  return std::accumulate(std::begin(sums), std::end(sums), 0.0f);
}

/// Seconds of each mask along a text that is written by chance.
std::vector<double> mask_seconds(TokenConstraint &constraint, std::mt19937 &random) {
  std::vector<double> seconds;
  int64_t state = constraint.start();
  for (int step = 0; step < kSteps; ++step) {
    const double start = thread_seconds();
    const auto mask = constraint.allowed(state);
    seconds.push_back(thread_seconds() - start);
    std::vector<int64_t> allowed;
    for (size_t id = 0; id < kVocabulary; ++id)
      if (mask[id / 64] >> (id % 64) & 1) allowed.push_back(static_cast<int64_t>(id));
    if (allowed.empty()) break;
    state = constraint.next(state, allowed[random() % allowed.size()]);
  }
  return seconds;
}

double median(std::vector<double> list) {
  std::sort(list.begin(), list.end());
  return list[list.size() / 2];
}

double mean(const std::vector<double> &list) {
  return std::accumulate(list.begin(), list.end(), 0.0) / static_cast<double>(list.size());
}

}  // namespace

int main(int argc, char **argv) {
  const auto bytes = std::make_shared<const TokenBytes>(vocabulary({argv + 1, argv + argc}));
  const double begin = thread_seconds();
  const auto trie = std::make_shared<const TokenTrie>(*bytes);
  std::cout << "trie of " << trie->nodes.size() << " nodes made in " << (thread_seconds() - begin) * 1e3
            << " ms\n";
  const std::vector<float> weights(kBuffer / sizeof(float), 1.0f);
  std::mt19937 random(2);
  const std::vector<std::pair<std::string, std::string>> forms{
      {"any JSON object", "json_object"},
      {"strings, at most 40 characters", R"({"type":"array","items":{"type":"string","maxLength":40}})"},
      {"a record with nesting and counts",
       R"({"type":"object","properties":{"name":{"type":"string","minLength":1,"maxLength":60},"age":{"type":"integer","minimum":0,"maximum":150},"tags":{"type":"array","items":{"type":"string"},"maxItems":10},"home":{"type":"object","properties":{"street":{"type":"string"},"zip":{"type":"string","pattern":"^[0-9]{5}$"}},"required":["street","zip"]}},"required":["name","age","tags","home"]})"},
      {"any characters", "regex:(.|\\n)*"},
      {"words", "regex:[A-Za-z]+( [A-Za-z]+)*\\."},
      {"dates", "regex:[0-9]{4}-[0-9]{2}-[0-9]{2}(, [0-9]{4}-[0-9]{2}-[0-9]{2})*"}};
  for (const auto &[name, form] : forms) {
    Language language = response_language({form, ""}, "", "bench");
    std::vector<double> all, steps;
    for (int round = 0; round < 3; ++round) {
      const auto constraint = make_token_constraint(language.grammar, language.rule, trie, bytes);
      const auto seconds = mask_seconds(*constraint, random);
      all.insert(all.end(), seconds.begin(), seconds.end());
      const double start = thread_seconds();
      if (read_weights(weights) < 0) return 1;
      steps.push_back(thread_seconds() - start);
    }
    std::cout << name << ": mask mean " << mean(all) * 1e3 << " ms, median " << median(all) * 1e3
              << " ms, worst " << *std::max_element(all.begin(), all.end()) * 1e3 << " ms; weights read in "
              << median(steps) * 1e3 << " ms; mean " << mean(all) / median(steps) * 100 << " % of it\n";
  }
}
