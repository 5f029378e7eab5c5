#include "runtime/run/response_constraint.hpp"

#include "runtime/constraint/grammar_constraint.hpp"

namespace kvern {
namespace {

/// Names of files in a configuration file are meant from its folder: its place is "FILE:LINE", or "FILE".
std::filesystem::path folder_of(const OptionValue &value) {
  if (value.source == OptionSource::file)
    return std::filesystem::path(value.place.substr(0, value.place.rfind(':'))).parent_path();
  return value.source == OptionSource::model ? std::filesystem::path(value.place).parent_path()
                                             : std::filesystem::path();
}

std::string place_of(const OptionValue &value) {
  if (value.place.empty()) return "response_format";
  return value.source == OptionSource::flag ? value.place : value.place + ": response_format";
}

}  // namespace

ResponseConstraints::ResponseConstraints(const GenerationConfig &config) {
  if (!asks_for_format(config)) return;
  const OptionValue &value = *config.find(option::response_format);
  language_ = constraint::response_language(*value.value, folder_of(value), place_of(value));
}

std::unique_ptr<TokenConstraint> ResponseConstraints::make(const Tokenizer &tokenizer, int64_t vocab_size) {
  if (!language_) return nullptr;
  if (!trie_) {
    bytes_ = std::make_shared<const constraint::TokenBytes>(
        tokenizer.token_bytes(static_cast<size_t>(vocab_size)));
    trie_ = std::make_shared<const constraint::TokenTrie>(*bytes_);
  }
  return constraint::make_token_constraint(language_->grammar, language_->rule, trie_, bytes_);
}

}  // namespace kvern
