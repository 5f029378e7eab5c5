// Options that contradict each other are refused before anything is computed, each with what would be right.
#include "core/generation/testing/toy.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using namespace kvern::test;

namespace {

using Settings = std::vector<std::pair<std::string, Option>>;

Option integer(int64_t n) { return to_option(n); }
Option number(double x) { return to_option(x); }
const Option kYes = to_option(true);

GenerationConfig config_of(const Settings &settings) {
  auto config = new_tokens(4);
  for (const auto &[name, value] : settings) set_option(config, name, value, OptionSource::flag);
  return config;
}

std::string refusal(const Settings &settings) {
  return error_text(ErrorKind::config, [&] {
    generate_toy("dynamic", {{{3, 1, 4}}, {}}, config_of(settings));
  });
}

bool refused(const Settings &settings, const std::string &part) {
  const std::string text = refusal(settings);
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("Values that mean nothing are refused with what would") {
  CHECK(refused({{"do_sample", kYes}, {"top_p", number(1.5)}}, "a number from 0 to 1, found the number 1.5"));
  CHECK(refused({{"do_sample", kYes}, {"top_k", integer(-1)}}, "an integer of 0 or more"));
  CHECK(refused({{"do_sample", kYes}, {"min_p", number(2)}}, "a number from 0 to 1"));
  CHECK(refused({{"do_sample", kYes}, {"temperature", number(-1)}},
                "a number of 0 or more, found the number -1"));
  CHECK(refused({{"repetition_penalty", number(0)}}, "a number above 0"));
  CHECK(refused({{"max_new_tokens", integer(0)}}, "an integer of 1 or more"));
  CHECK(refused({{"num_beams", integer(0)}}, "an integer of 1 or more"));
  CHECK(refused({{"num_return_sequences", integer(0)}}, "an integer of 1 or more"));
  CHECK(refused({{"pad_token_id", integer(-2)}}, "an integer of 0 or more"));
  CHECK(refused({{"penalty_alpha", number(2)}}, "a number from 0 to 1"));
}

TEST_CASE("Beams refuse what does not divide, exceed or suit them") {
  CHECK(
      refused({{"num_beams", integer(4)}, {"num_beam_groups", integer(3)}, {"diversity_penalty", number(1)}},
              "divisible"));
  CHECK(
      refused({{"num_beams", integer(2)}, {"num_beam_groups", integer(4)}, {"diversity_penalty", number(1)}},
              "divisible"));
  CHECK(refused({{"num_beams", integer(4)}, {"num_beam_groups", integer(2)}},
                "diversity_penalty must be above 0"));
  CHECK(refused({{"num_beams", integer(4)}, {"diversity_penalty", number(1)}},
                "set num_beam_groups to 2 or more"));
  CHECK(refused({{"num_beams", integer(4)},
                 {"num_beam_groups", integer(2)},
                 {"diversity_penalty", number(1)},
                 {"do_sample", kYes}},
                "groups of beams are not sampled"));
  CHECK(refused({{"num_beams", integer(2)}, {"num_return_sequences", integer(3)}},
                "at most as many sequences"));
  CHECK(refused({{"num_beams", integer(2)}, {"penalty_alpha", number(0.6)}}, "has no beams"));
}

TEST_CASE("Other ways to decode refuse what they cannot do") {
  CHECK(refused({{"num_return_sequences", integer(2)}}, "it must be 1 unless tokens are sampled"));
  CHECK(refused({{"penalty_alpha", number(0.6)}, {"top_k", integer(4)}, {"num_return_sequences", integer(2)}},
                "contrastive search"));
  for (const auto &[name, value] : Settings{{"num_beams", integer(2)},
                                            {"penalty_alpha", number(0.6)},
                                            {"guidance_scale", number(2)},
                                            {"num_return_sequences", integer(2)}})
    CHECK(refused({{"prompt_lookup_num_tokens", integer(3)}, {name, value}}, name));
}

TEST_CASE("A draft model needs the vocabulary of the model") {
  class SmallerModel : public ToyModel {
   public:
    SmallerModel() { other_ = ToyModel::info(), other_.vocab_size = 7; }
    const ModelInfo &info() const override { return other_; }

   private:
    ModelInfo other_;
  };
  const SmallerModel draft;
  auto cache = open_toy_cache(draft, "dynamic");
  GenerationResources resources;
  resources.assistant = &draft;
  resources.assistant_cache = &cache;
  const std::string text = error_text(ErrorKind::config, [&] {
    generate_toy("dynamic", {{{3, 1, 4}}, {}}, new_tokens(4), {}, resources);
  });
  CHECK(text ==
        "assistant_model: its vocabulary has 7 ids, that of the model 23; a draft model needs the vocabulary "
        "of the model");
}

TEST_CASE("What is set in vain is named in a warning, unless the model's folder sets it") {
  const auto line = [](const Settings &settings) {
    const auto lines = warnings(config_of(settings));
    return lines.size() == 1 ? lines[0] : std::to_string(lines.size()) + " lines";
  };
  CHECK(line({{"temperature", number(0.5)}, {"top_p", number(0.9)}}) ==
        "not used without do_sample = true: temperature, top_p");
  CHECK(line({{"length_penalty", number(2)}}) == "not used without num_beams: length_penalty");
  CHECK(line({{"do_sample", kYes}, {"penalty_alpha", number(0.6)}}) ==
        "not used with do_sample = true: penalty_alpha");
  CHECK(warnings(config_of({{"do_sample", kYes}, {"temperature", number(0.5)}})).empty());
  CHECK(warnings(config_of({{"penalty_alpha", number(0.6)}, {"top_k", integer(4)}})).empty());
  GenerationConfig of_model;
  set_option(of_model, "temperature", number(0.5), OptionSource::model);
  CHECK(warnings(of_model).empty());
}
