// Kinds "forward" and "chunked_prefill": logits of a prompt fed at once, or in chunks.
#include <kvern/forward.hpp>

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

/// Logits of all columns [begin, end), the cache holding what came before.
at::Tensor forward(const Model &model, Cache &cache, const at::Tensor &ids,
                   const std::vector<int64_t> &padding, int64_t begin, int64_t end) {
  Input input;
  input.ids = ids.slice(1, begin, end).contiguous();
  input.logits = Input::Logits::all;
  StepRequest request;
  for (const int64_t p : padding) request.row_pos.push_back(begin - p);
  request.n_new = end - begin;
  request.total_length = end;
  return forward_and_keep(model, cache, std::move(request), input).logits;
}

}  // namespace

void run_forward(const Case &c, Context &context) {
  const auto &model = context.model(model_folder(c));
  const auto ids = ids_tensor(c.json.at("input_ids").get<Ids>());
  const auto padding = left_padding(c.json.value("attention_mask", Json()), static_cast<size_t>(ids.size(0)));
  auto cache = context.open(model, "dynamic", ids.size(0), ids.size(1));
  auto got = forward(model, cache, ids, padding, 0, ids.size(1));
  for (int64_t r = 0; r < ids.size(0); ++r)
    if (const int64_t p = padding[static_cast<size_t>(r)]) got.select(0, r).slice(0, 0, p).zero_();
  expect_close(got, load(sidecar(c), "logits"), tolerance_of(c), "logits");
}

void run_chunked_prefill(const Case &c, Context &context) {
  const auto &model = context.model(model_folder(c));
  const auto ids = ids_tensor(c.json.at("input_ids").get<Ids>());
  const std::vector<int64_t> padding(static_cast<size_t>(ids.size(0)), 0);
  const auto chunk = c.json.at("chunk_size").get<int64_t>();
  const auto max_tokens =
      c.json.at("max_cache_len").is_number() ? c.json["max_cache_len"].get<int64_t>() : ids.size(1);
  auto cache = context.open(model, c.json.at("cache").get<std::string>(), ids.size(0), max_tokens);
  std::vector<at::Tensor> parts;
  for (int64_t begin = 0; begin < ids.size(1); begin += chunk) {
    const int64_t end = std::min(begin + chunk, ids.size(1));
    // The cache says from where it must be fed; the last chunk's logits are what counts.
    const auto logits = forward(model, cache, ids, padding, cache.info().tokens, end);
    parts.push_back(logits.slice(1, logits.size(1) - (end - begin)));
  }
  const auto got = at::cat(parts, 1);
  auto whole = c;
  whole.file = c.file.parent_path() / c.json.at("whole_logits_in").get<std::string>();
  expect_close(got, load(sidecar(whole), "logits"), tolerance_of(c), "logits");
  const auto want = ids_tensor(c.json.at("expected").at("argmax").get<Ids>());
  if (!got.argmax(-1).equal(want)) fail("the most likely ids differ");
}

}  // namespace kvern::reference
