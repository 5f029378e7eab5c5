// Which family a config.json is of.
#include <kvern/error.hpp>

#include "runtime/models/family.hpp"
#include "runtime/support/printable.hpp"

namespace kvern::models {

const Family *known_family(const files::ModelConfig &config) {
  for (const Family *family : families()) {
    if (config.model_type == family->model_type) return family;
  }
  return nullptr;
}

const Family &find_family(const files::ModelConfig &config) {
  if (const Family *family = known_family(config)) return *family;
  std::vector<std::string> known;
  std::string list;
  for (const Family *family : families()) {
    known.emplace_back(family->model_type);
    list += (list.empty() ? "" : ", ") + known.back();
  }
  config.fail(
      "model_type",
      "the model type " + in_quotes(config.model_type) + " is unknown; known are " + list +
          did_you_mean(config.model_type, known) +
          "; a family is one file of runtime/models/families: the defaults of transformers' configuration "
          "class, and a function from config.json to sublayers");
}

files::ModelConfig with_defaults(const files::ModelConfig &config, const Family &family) {
  // null: as many as query heads; no window; no softcap; no such token; queries without a latent
  return config.with_defaults(
      family.defaults,
      {"num_key_value_heads", "sliding_window", "attn_logit_softcapping", "final_logit_softcapping",
       "bos_token_id", "eos_token_id", "pad_token_id", "q_lora_rank"});
}

}  // namespace kvern::models
