// Has control characters in everything that it tells the host: they must never reach a terminal.
#include <kvern/sdk/key_cache.hpp>
#include <kvern/sdk/plugin.hpp>

namespace {

namespace sdk = kvern::sdk;

class Escapes : public sdk::KeyCache<sdk::Dense, sdk::KeepAll> {
 public:
  static constexpr const char *name = "escapes";
  static constexpr const char *version = "1\033[31m";
  static constexpr const char *summary = "clears\033[2J the\x07 screen\xc2\x9b";
  static std::vector<sdk::Option> options() {
    return {sdk::string_option("text", "\033]0;default\x07"), sdk::string_option("fail", "")};
  }

  explicit Escapes(const sdk::Create &create) : KeyCache(create, {.expected_slots = create.max_tokens}) {
    create.host.log(KVERN_LOG_WARNING, "warning\033[2J\nkvern: all is well");
    create.host.log(KVERN_LOG_INFO, "detail\033[2J");
    if (!create.options.string("fail").empty()) sdk::fail(KVERN_UNSUPPORTED, "message\033[2J\n\r\x9b");
  }

  std::unique_ptr<Escapes> clone() const { return std::unique_ptr<Escapes>(new Escapes(*this)); }

 private:
  Escapes(const Escapes &) = default;
};

}  // namespace

KVERN_PLUGIN(Escapes)
