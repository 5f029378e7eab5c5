// Looks at file names only; nothing is opened.
#include "runtime/files/model_folder.hpp"

#include <algorithm>
#include <cctype>
#include <kvern/error.hpp>
#include <new>
#include <string>
#include <vector>

#include "runtime/support/printable.hpp"
#include "runtime/support/read_file.hpp"

namespace kvern::files {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path &folder, const std::string &why) {
  throw Error(ErrorKind::model, printable(folder.string(), 4096) + ": " + why);
}

std::vector<std::string> file_names(const fs::path &folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored)) {
    names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool matches(const std::string &name, const std::string &prefix, const std::string &suffix) {
  return name.size() >= prefix.size() + suffix.size() && name.compare(0, prefix.size(), prefix) == 0 &&
         name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
}

constexpr const char *kSave =
    "python -c \"from transformers import AutoModelForCausalLM as M; "
    "M.from_pretrained('X').save_pretrained('X', "
    "safe_serialization=True)\"";

struct Other {
  const char *prefix, *suffix;
  const char *what;
  std::string convert;
};

// In the order in which they tell most about the folder.
const std::vector<Other> &other_formats() {
  static const std::vector<Other> formats = {
      {"pytorch_model", ".bin", "PyTorch pickles",
       std::string("convert them, with the folder for X: ") + kSave},
      {"consolidated.", ".pth", "weights as Meta published them",
       "convert them with transformers' convert_llama_weights_to_hf.py (python -m "
       "transformers.models.llama.convert_llama_weights_to_hf --input_dir X --model_size SIZE --output_dir "
       "Y)"},
      {"consolidated", ".safetensors", "weights under the names of their maker, not of transformers",
       "download the model in the Hugging Face layout (model.safetensors with config.json)"},
      {"", ".gguf", "a GGUF file",
       "take the model it was made from, or convert it: python -c \"from transformers import "
       "AutoModelForCausalLM as M; "
       "M.from_pretrained('X', gguf_file='FILE').save_pretrained('Y', safe_serialization=True)\""},
      {"", ".pth", "a PyTorch pickle",
       std::string("save it with transformers, with the folder for X: ") + kSave},
      {"", ".h5", "TensorFlow weights",
       "convert them with from_pretrained('X', from_tf=True) and save_pretrained('X', "
       "safe_serialization=True)"},
      {"", ".msgpack", "Flax weights",
       "convert them with from_pretrained('X', from_flax=True) and save_pretrained('X', "
       "safe_serialization=True)"},
      {"adapter_model", ".safetensors", "an adapter only",
       "merge it into its base model with peft: merge_and_unload(), then save_pretrained('X')"},
      {"", ".bin", "no weights under a name that is known",
       std::string("if they are PyTorch pickles, name them pytorch_model.bin and convert them, with the "
                   "folder for X: ") +
           kSave},
      {"tokenizer.model", "", "a SentencePiece tokenizer but no weights kvern can read",
       "download model.safetensors too, and convert the tokenizer: python -c \"from transformers import "
       "AutoTokenizer "
       "as T; T.from_pretrained('X').save_pretrained('X')\""},
  };
  return formats;
}

// What the folder holds instead of safetensors, or "".
std::string other_format_text(const std::vector<std::string> &names) {
  for (const Other &format : other_formats()) {
    for (const std::string &name : names) {
      if (!matches(name, format.prefix, format.suffix)) continue;
      return "has no model.safetensors but " + printable(name) + ": " + format.what + "; " + format.convert;
    }
  }
  return "";
}

bool has_safetensors(const std::vector<std::string> &names) {
  return std::any_of(names.begin(), names.end(),
                     [](const std::string &name) { return matches(name, "", ".safetensors"); });
}

// Subfolders with a config.json, sorted.
std::vector<fs::path> model_folders_in(const fs::path &folder) {
  std::vector<fs::path> found;
  for (const std::string &name : file_names(folder)) {
    if (is_present(folder / name / "config.json")) found.push_back(folder / name);
  }
  return found;
}

// The commit that the branch `main` of a repository in the Hugging Face cache is at, or "".
std::string main_commit(const fs::path &repository) {
  const fs::path reference = repository / "refs" / "main";
  if (!is_present(reference)) return "";
  std::string commit = read_file(reference, ErrorKind::model, 4096);
  while (!commit.empty() && std::isspace(static_cast<unsigned char>(commit.back()))) commit.pop_back();
  return commit;
}

/// A folder for whose reading there is no memory is no wrong folder.
[[noreturn]] void refuse_unreadable(const fs::path &folder, const std::error_code &error) {
  if (error == std::errc::not_enough_memory) throw std::bad_alloc();
  refuse(folder, "cannot be read: " + error.message());
}

// REPOSITORY is models--ORGANISATION--NAME: blobs/, refs/, snapshots/COMMIT/.
[[noreturn]] void refuse_repository(const fs::path &folder, const fs::path &repository) {
  const std::vector<fs::path> snapshots = model_folders_in(repository / "snapshots");
  if (snapshots.empty()) {
    refuse(folder,
           "is a folder of the Hugging Face cache without a complete snapshot; download the model again");
  }
  const fs::path wanted = repository / "snapshots" / main_commit(repository);
  const bool known = std::find(snapshots.begin(), snapshots.end(), wanted) != snapshots.end();
  refuse(folder, "is a folder of the Hugging Face cache, not a model; give its snapshot: " +
                     printable((known ? wanted : snapshots.back()).string(), 4096));
}

}  // namespace

void refuse_without_config(const fs::path &folder) {
  const fs::path plain = folder.has_filename() ? folder : folder.parent_path();
  if (is_present(folder / "snapshots")) refuse_repository(folder, plain);
  if (plain.filename() == "snapshots") refuse_repository(folder, plain.parent_path());
  const std::vector<std::string> names = file_names(folder);
  const std::string other = has_safetensors(names) ? "" : other_format_text(names);
  if (!other.empty()) refuse(folder, other);
  const std::vector<fs::path> below = model_folders_in(folder);
  if (!below.empty()) {
    refuse(folder,
           "has no config.json, but a folder in it has; give that: " + printable(below[0].string(), 4096));
  }
  refuse(folder,
         "has no config.json; a model is a Hugging Face folder with config.json, model.safetensors and "
         "tokenizer.json");
}

void require_model_folder(const fs::path &folder) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (status.type() == fs::file_type::not_found)
    refuse(folder, "no such folder; a model is a folder with config.json");
  if (error) refuse_unreadable(folder, error);
  if (!fs::is_directory(status)) {
    const bool gguf = matches(folder.filename().string(), "", ".gguf");
    refuse(folder, gguf ? "is a GGUF file; kvern reads Hugging Face folders (config.json, model.safetensors)"
                        : "is a file; give the folder that holds config.json and model.safetensors");
  }
  fs::directory_iterator listing(folder, error);
  if (error) refuse_unreadable(folder, error);
}

void refuse_without_safetensors(const fs::path &folder) {
  const std::vector<std::string> names = file_names(folder);
  if (names.empty()) refuse(folder, "is empty; a model is a folder with config.json and model.safetensors");
  const std::string other = other_format_text(names);
  if (!other.empty()) refuse(folder, other);
  if (has_safetensors(names)) {
    refuse(folder,
           "has *.safetensors files, but neither model.safetensors nor the model.safetensors.index.json that "
           "lists the "
           "shards; download the whole folder");
  }
  refuse(folder, "has neither model.safetensors nor model.safetensors.index.json");
}

}  // namespace kvern::files
