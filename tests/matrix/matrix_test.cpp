// Cache x family x way of feeding: all of them, and docs/matrix.md, which says what came out.
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "core/torch/single_thread.hpp"
#include "devices/cpu/threads.hpp"
#include "runtime/models/load.hpp"
#include "runtime/run/open_cache.hpp"
#include "tests/matrix/table.hpp"
#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using namespace kvern::matrix;

namespace {

const std::filesystem::path &plugins() {
  static const std::filesystem::path folder = test::program("../lib/kvern/plugins");
  return folder;
}

OpenCache opener(const Model &model, const std::string &name, const OptionTable &options) {
  return [&model, name, options](int64_t rows, int64_t tokens) {
    CacheRequest request;
    request.implementation = name;
    request.options = options;
    request.plugin_path = {plugins()};
    request.max_rows = rows;
    request.max_tokens = tokens;
    return open_cache(model, request);
  };
}

Outcome run(const Scenario &scenario, Reference &reference, const OpenCache &open) {
  try {
    return scenario.run(reference, open);
  } catch (const CacheError &e) {
    if (e.status() != KVERN_UNSUPPORTED) throw;
    return {.refused = reason(e.what())};
  }
}

Row measure(const CacheSubject &cache, const FamilySubject &family, Reference &reference) {
  Row row{family.name, {}};
  const OpenCache open = opener(reference.model(), cache.name, cache.options);
  for (const Scenario &scenario : scenarios()) {
    INFO(cache.name << ", " << family.name << ", " << scenario.name);
    Outcome outcome;
    CHECK_NOTHROW(outcome = run(scenario, reference, open));
    row.cells.push_back(cell(cache, outcome));
    INFO(row.cells.back());
    CHECK(is_accepted(cache, row.cells.back()));
  }
  return row;
}

std::vector<Section> measure_all() {
  std::vector<Section> sections;
  for (const CacheSubject &cache : caches(plugins())) sections.push_back({cache, {}});
  for (const FamilySubject &family : families()) {
    const auto model = load_model(family.folder, {Dtype::f32});
    Reference reference(*model, family.encoder_size, opener(*model, "none", {}));
    for (Section &section : sections) section.rows.push_back(measure(section.cache, family, reference));
  }
  return sections;
}

}  // namespace

TEST_CASE("Every cache does on every family what docs/matrix.md says") {
  keep_torch_single_threaded();
  set_threads(1);
  const std::string measured = markdown(measure_all());
  const auto page = test::source_path("docs/matrix.md");
  if (std::getenv("KVERN_WRITE_MATRIX") != nullptr) std::ofstream(page) << measured;
  std::ifstream in(page);
  const std::string written{std::istreambuf_iterator<char>(in), {}};
  INFO("KVERN_WRITE_MATRIX=1 writes docs/matrix.md anew");
  CHECK(without_numbers(written) == without_numbers(measured));
}

TEST_CASE("A reason is the last clause about a cache, without advice") {
  CHECK(reason("cache 'sliding_window': layer 0 sees all positions, it has no window: use dynamic") ==
        "layer 0 sees all positions");
  CHECK(reason("cache 'hybrid': layers 1, 3 (window), cache 'mamba': no keys; use dynamic") == "no keys");
  CHECK(reason("cache 'encoder_decoder': no cross-attention: use the cache 'dynamic' itself") ==
        "no cross-attention");
  CHECK(reason("there is none") == "there is none");
}
