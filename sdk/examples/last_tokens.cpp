// A window for models that have none: each query sees itself and the tokens before it, window_length in all.
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/windowed.hpp>

namespace {

namespace sdk = kvern::sdk;

class LastTokens : public sdk::Windowed<> {
 public:
  static constexpr const char *name = "last_tokens", *version = "1.0.0",
                              *summary = "keeps the last window_length tokens";
  static std::vector<sdk::Option> options() { return {sdk::integer_option("window_length", 256)}; }

  explicit LastTokens(const sdk::Create &create)
      : Windowed(create, {}, create.options.integer("window_length", 1, 1 << 30)) {}
  std::unique_ptr<LastTokens> clone() const { return std::unique_ptr<LastTokens>(new LastTokens(*this)); }

 private:
  LastTokens(const LastTokens &) = default;
};

}  // namespace

KVERN_PLUGIN(LastTokens)
