#include "tests/reference_runner/encoder_input.hpp"

#include "core/torch/torch.hpp"
#include "tests/reference_runner/compare.hpp"
#include "tests/reference_runner/outcome.hpp"

namespace kvern::reference {
namespace {

at::Tensor rows_tensor(const Ids &ids) {
  const auto t =
      at::empty({static_cast<int64_t>(ids.size()), static_cast<int64_t>(ids.front().size())}, at::kLong);
  auto *out = t.data_ptr<int64_t>();
  for (const auto &row : ids) out = std::copy(row.begin(), row.end(), out);
  return t;
}

std::vector<int64_t> lengths(const Ids &mask) {
  std::vector<int64_t> lengths;
  for (const auto &row : mask) lengths.push_back(std::count(row.begin(), row.end(), int64_t{1}));
  return lengths;
}

}  // namespace

EncoderInput encoder_input(const Case &c) {
  const Json &inputs = c.json.at("inputs");
  EncoderInput input;
  if (inputs.contains("input_features")) {
    const Json &features = inputs["input_features"];
    std::vector<at::Tensor> rows;
    for (const auto &file : features.at("from").get<std::vector<std::string>>())
      rows.push_back(
          load(files::SafetensorsFile(c.root / file), features.at("tensor").get<std::string>()).clone());
    input.features = at::cat(rows);
    return input;
  }
  if (!inputs.contains("input_ids")) skip("input not offered: neither input_ids nor input_features");
  input.ids = rows_tensor(inputs["input_ids"].get<Ids>());
  if (inputs.contains("attention_mask") && inputs["attention_mask"].is_array())
    input.row_len = lengths(inputs["attention_mask"].get<Ids>());
  return input;
}

Prompt encoder_decoder_prompt(const Case &c) {
  const Json &inputs = c.json.at("inputs");
  Prompt prompt;
  prompt.encoder = encoder_input(c);
  if (inputs.contains("decoder_input_ids")) prompt.input_ids = inputs["decoder_input_ids"].get<Ids>();
  return prompt;
}

}  // namespace kvern::reference
