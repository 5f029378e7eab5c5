// Kinds "forward", "chunked_prefill" and "stepwise_forward": logits of a prompt fed at once, or in chunks.
#include <algorithm>

#include "core/generation/driver.hpp"

#include "core/torch/torch.hpp"
#include "tests/reference_runner/compare.hpp"
#include "tests/reference_runner/kinds.hpp"

namespace kvern::reference {
namespace {

at::Tensor ids_tensor(const Ids &ids) {
  auto t = at::empty({static_cast<int64_t>(ids.size()), static_cast<int64_t>(ids.front().size())}, at::kLong);
  auto *out = t.data_ptr<int64_t>();
  for (const auto &row : ids) out = std::copy(row.begin(), row.end(), out);
  return t;
}

std::vector<int64_t> left_padding(const Json &mask, size_t rows) {
  std::vector<int64_t> padding(rows, 0);
  if (mask.is_array())
    for (size_t r = 0; r < rows; ++r)
      for (const auto &m : mask[r]) padding[r] += m.get<int>() == 0;
  return padding;
}

Case whole_of(const Case &c) {
  Case whole = c;
  whole.file = c.file.parent_path() / c.json.at("whole_logits_in").get<std::string>();
  return whole;
}

/// The lengths of the chunks; one token each where none are recorded.
std::vector<int64_t> chunks_of(const Case &c, int64_t length) {
  if (!c.json.contains("chunks")) return std::vector<int64_t>(static_cast<size_t>(length), 1);
  return c.json.at("chunks").get<std::vector<int64_t>>();
}

/// The recorded logits up to the chunk where the rotary frequencies change; from there on those of one call, since the loop
/// resets the cache there, as generate() of transformers does.
at::Tensor expected_stepwise_logits(const Case &c, const Model &model) {
  const at::Tensor logits = load(sidecar(c), "stepwise_logits").clone();
  int64_t begin = 0;
  for (const int64_t chunk : chunks_of(c, logits.size(1))) {
    if (model.rope_version(begin + chunk) != model.rope_version(1)) {
      logits.slice(1, begin).copy_(load(sidecar(whole_of(c)), "logits").slice(1, begin));
      break;
    }
    begin += chunk;
  }
  return logits;
}

}  // namespace

void run_forward(const Case &c, Context &context) {
  const auto &model = context.model(model_folder(c));
  const auto ids = c.json.at("input_ids").get<Ids>();
  const auto rows = static_cast<int64_t>(ids.size()), length = static_cast<int64_t>(ids.front().size());
  const auto padding = left_padding(c.json.value("attention_mask", Json()), ids.size());
  const int64_t skipped = *std::min_element(padding.begin(), padding.end());  // in every row: not fed
  auto cache = context.open(model, "dynamic", rows, length);
  const auto fed = Driver(model, cache).feed(ids, padding, {length - skipped, false}).logits;
  const auto got = at::zeros({rows, length, fed.size(2)}, fed.options());
  got.slice(1, skipped).copy_(fed);
  for (int64_t r = 0; r < rows; ++r) got.select(0, r).slice(0, 0, padding[static_cast<size_t>(r)]).zero_();
  expect_close(got, load(sidecar(c), "logits"), tolerance_of(c), "logits");
}

void run_chunked_prefill(const Case &c, Context &context) {
  const auto &model = context.model(model_folder(c));
  const auto ids = c.json.at("input_ids").get<Ids>();
  const auto rows = static_cast<int64_t>(ids.size()), length = static_cast<int64_t>(ids.front().size());
  const auto max_tokens =
      c.json.at("max_cache_len").is_number() ? c.json["max_cache_len"].get<int64_t>() : length;
  auto cache = context.open(model, c.json.at("cache").get<std::string>(), rows, max_tokens);
  Driver driver(model, cache, {true, c.json.at("chunk_size").get<int64_t>(), {}, {}});
  const auto got = driver.feed(ids, std::vector<int64_t>(ids.size(), 0), {length, false}).logits;
  expect_close(got, load(sidecar(whole_of(c)), "logits"), tolerance_of(c), "logits");
  const auto want = ids_tensor(c.json.at("expected").at("argmax").get<Ids>());
  if (!got.argmax(-1).equal(want)) fail("the most likely ids differ");
}

void run_stepwise_forward(const Case &c, Context &context) {
  const auto &model = context.model(model_folder(c));
  const auto ids = c.json.at("inputs").at("input_ids").get<Ids>();
  const auto rows = static_cast<int64_t>(ids.size()), length = static_cast<int64_t>(ids.front().size());
  auto cache = context.open(model, "dynamic", rows, length);
  Driver driver(model, cache);
  std::vector<at::Tensor> parts;
  Ids fed(ids.size());
  for (const int64_t chunk : chunks_of(c, length)) {
    for (size_t r = 0; r < ids.size(); ++r) {
      const auto next = ids[r].begin() + static_cast<std::ptrdiff_t>(fed[r].size());
      fed[r].insert(fed[r].end(), next, next + chunk);
    }
    parts.push_back(driver.feed(fed, std::vector<int64_t>(ids.size(), 0), {chunk, false}).logits);
  }
  expect_close(at::cat(parts, 1), expected_stepwise_logits(c, model), tolerance_of(c), "stepwise_logits");
}

}  // namespace kvern::reference
