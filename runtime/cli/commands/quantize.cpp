// kvern quantize: a model folder with packed weights.
#include <filesystem>
#include <iostream>
#include <kvern/error.hpp>

#include "devices/cpu/threads.hpp"
#include "runtime/cli/command.hpp"
#include "runtime/cli/memory.hpp"
#include "runtime/cli/output.hpp"
#include "runtime/cli/progress.hpp"
#include "runtime/cli/run_options.hpp"
#include "runtime/cli/text_file.hpp"
#include "runtime/models/quantize_folder.hpp"
#include "runtime/run/calibrate.hpp"

namespace kvern::cli {
namespace {

using Strings = std::vector<std::string>;

constexpr const char *kUsage =
    "usage: kvern quantize MODEL OUT --bits 8|4 [options]\n\n"
    "Writes the model folder OUT: MODEL with its linear layers packed to 8 or 4 bits, to be mapped on start "
    "without conversion\n"
    "(docs/weights.md). OUT must not be there yet.\n\n";

po::options_description options() {
  po::options_description o("options", 110);
  o.add_options()("bits", po::value<int>()->value_name("8|4"), "bits of linear layers")(
      "group-size", po::value<int64_t>()->default_value(32)->value_name("N"),
      "inputs that share a scale: a multiple of 32 that divides all layers' inputs")(
      "head-bits", po::value<int>()->default_value(8)->value_name("16|8|4"),
      "bits of the matrix that makes logits; 16: as stored")(
      "embedding-bits", po::value<int>()->default_value(0)->value_name("16|8|4"),
      "bits of the table of token embeddings, 16: as stored; 0: that of a tied head of 8 bits, else 16")(
      "text", po::value<std::string>()->value_name("FILE"),
      "a text of the kind that the model is to write, UTF-8: what the model multiplies while it reads it "
      "decides which errors count")("context", po::value<int64_t>()->default_value(512)->value_name("N"),
                                    "tokens of a window of --text")(
      "windows", po::value<int64_t>()->default_value(32)->value_name("N"),
      "windows of --text at most; 0: all that are whole")(
      "threads", po::value<int64_t>()->default_value(0)->value_name("N"),
      "compute threads; 0: one per processor")("help", "print this");
  return o;
}

[[noreturn]] void refuse(const std::string &text) { throw Error(ErrorKind::usage, text); }

int bits_beside_layers(const po::variables_map &map, const std::string &option) {
  const int bits = map[option].as<int>();
  if (bits != 16 && bits != 8 && bits != 4)
    refuse("--" + option + ": expected 16, 8 or 4, found " + std::to_string(bits));
  return bits;
}

models::Packing read_packing(const po::variables_map &map) {
  if (map.count("bits") == 0) refuse("--bits: is missing; 8 or 4");
  models::Packing packing;
  packing.bits = map["bits"].as<int>();
  packing.group_size = map["group-size"].as<int64_t>();
  if (packing.bits != 8 && packing.bits != 4)
    refuse("--bits: expected 8 or 4, found " + std::to_string(packing.bits));
  if (packing.group_size <= 0 || packing.group_size % 32 != 0)
    refuse("--group-size: expected a multiple of 32, found " + std::to_string(packing.group_size));
  packing.head_bits = bits_beside_layers(map, "head-bits");
  packing.embedding_bits = map["embedding-bits"].defaulted() ? 0 : bits_beside_layers(map, "embedding-bits");
  return packing;
}

/// Of --text; empty without it.
models::Importance read_importance(const po::variables_map &map, const std::string &folder) {
  if (map.count("text") == 0) {
    for (const char *option : {"context", "windows"})
      if (!map[option].defaulted()) refuse(std::string("--") + option + ": is of --text, which is missing");
    return {};
  }
  const auto context = map["context"].as<int64_t>(), windows = map["windows"].as<int64_t>();
  if (context < 2) refuse("--context: expected at least 2, found " + std::to_string(context));
  if (windows < 0) refuse("--windows: expected at least 0, found " + std::to_string(windows));
  const auto file = map["text"].as<std::string>();
  const std::string text = read_text_file("--text", file);
  check_utf8(text, "--text " + file);
  Progress progress("reading the text, windows:");
  return measure_importance(folder, calibration_windows(folder, text, context, windows),
                            [&](int64_t done, int64_t total) { progress.show(done, total); });
}

int run(const Strings &arguments) {
  const po::options_description all = options();
  const po::variables_map map = parse(arguments, all, "folders");
  if (map.count("help")) return print_help(kUsage, all);
  const Strings folders = map.count("folders") ? map["folders"].as<Strings>() : Strings();
  if (folders.size() != 2)
    refuse("quantize: expected two folders, MODEL and OUT, found " + std::to_string(folders.size()));
  models::Packing packing = read_packing(map);
  const std::string warning = set_threads(map["threads"].as<int64_t>());
  if (!warning.empty()) std::cerr << "kvern: warning: " << warning << '\n';
  const models::Importance importance = read_importance(map, folders[0]);
  if (!importance.empty()) packing.importance = &importance;
  const QuantizeReport report = quantize_folder(folders[0], folders[1], packing);
  write_text(folders[1] + ": " + std::to_string(report.matrices) + " matrices packed, " +
             byte_text(report.bytes_before) + " became " + byte_text(report.bytes_after) + "\n");
  return 0;
}

}  // namespace

extern constinit const Command command_quantize = {"quantize", "write a model folder with packed weights",
                                                   run};

}  // namespace kvern::cli
