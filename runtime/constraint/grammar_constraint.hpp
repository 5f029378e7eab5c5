// A grammar as a constraint on tokens.
#pragma once
#include <kvern/token_constraint.hpp>
#include <memory>

#include "runtime/constraint/grammar.hpp"
#include "runtime/constraint/token_trie.hpp"

namespace kvern::constraint {

/// The texts of a rule of a pruned grammar. The trie is shared among constraints on one vocabulary.
std::unique_ptr<TokenConstraint> make_token_constraint(Grammar grammar, Grammar::RuleId rule,
                                                       std::shared_ptr<const TokenTrie> trie,
                                                       std::shared_ptr<const TokenBytes> bytes);

}  // namespace kvern::constraint
