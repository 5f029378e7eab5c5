// Sliding window attention (Beltagy et al. 2020): keys and values that no later query sees are dropped and their memory is used
// again.
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/windowed.hpp>

#include "plugins/sliding_window/settings.hpp"

namespace kvern::sliding_window {
namespace {

class SlidingWindow : public sdk::Windowed<> {
 public:
  static constexpr const char *name = "sliding_window", *version = "1.0.0",
                              *summary = "keeps the tokens inside each layer's attention window";
  static std::vector<sdk::Option> options() { return declared_options(); }

  explicit SlidingWindow(const sdk::Create &create)
      : Windowed(create, {.expected_slots = create.max_tokens},
                 [settings = read_settings(create.options)](int number, const sdk::Layer &layer) {
                   return window_of(settings, number, layer);
                 }) {}
  std::unique_ptr<SlidingWindow> clone() const {
    return std::unique_ptr<SlidingWindow>(new SlidingWindow(*this));
  }

 private:
  SlidingWindow(const SlidingWindow &) = default;
};

}  // namespace
}  // namespace kvern::sliding_window

KVERN_PLUGIN(kvern::sliding_window::SlidingWindow)
