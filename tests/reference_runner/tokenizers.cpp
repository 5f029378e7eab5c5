// Kinds "tokenizers" (a folder of recorded lines) and "tokenizer" (a case file with texts).
#include "tests/reference_runner/kinds.hpp"
#include "tests/reference_runner/tokenizer_cases.hpp"

namespace kvern::reference {
namespace {

std::vector<Outcome> outcomes(const ReplayResult &result) {
  std::vector<Outcome> list(static_cast<size_t>(result.passed), Outcome::pass());
  for (const auto &text : result.failures) list.push_back(Outcome::fail(text));
  list.insert(list.end(), static_cast<size_t>(result.skipped), Outcome::skip("no output recorded"));
  return list;
}

}  // namespace

std::vector<Outcome> run_tokenizers(const Case &c, Context &) {
  return outcomes(replay_tokenizer_folder(c.file));
}

std::vector<Outcome> run_tokenizer_texts(const Case &c, Context &) {
  return outcomes(replay_tokenizer_case(c.file, model_folder(c).parent_path()));
}

}  // namespace kvern::reference
