// Two tables, as of transformers 4.47: the signatures of the classes, and TOKENIZER_MAPPING_NAMES of models/auto.
#include "runtime/tokenizer/load/tokenizer_class.hpp"

namespace kvern::tokenizer {
namespace {

constexpr std::string_view kEnd = "<|endoftext|>";

constexpr TokenizerClass kClasses[] = {
    {"LlamaTokenizer", "<s>", "</s>", "<unk>", "", true, true, false, true},
    {"CodeLlamaTokenizer", "<s>", "</s>", "<unk>", "", true, true, false, true},
    {"GemmaTokenizer", "<bos>", "<eos>", "<unk>", "<pad>", true, true, false, true},
    {"CohereTokenizer", "<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", "<UNK>", "", true, true, false, true},
    {"GPTNeoXTokenizer", kEnd, kEnd, kEnd, "", true, false, true, false},
    {"GPT2Tokenizer", kEnd, kEnd, kEnd, "", false, false, true, false},
    {"CodeGenTokenizer", kEnd, kEnd, kEnd, "", false, false, true, false},
    {"WhisperTokenizer", kEnd, kEnd, kEnd, "", false, false, true, false},
    {"Qwen2Tokenizer", "", kEnd, kEnd, kEnd},
    {"BloomTokenizer", "<s>", "</s>", "<unk>", "<pad>"},
    {"T5Tokenizer", "", "</s>", "<unk>", "<pad>"},
    {"RobertaTokenizer", "<s>", "</s>", "<unk>", "<pad>", false, false, true, false},
    {"BartTokenizer", "<s>", "</s>", "<unk>", "<pad>", false, false, true, false},
    {"LongformerTokenizer", "<s>", "</s>", "<unk>", "<pad>", false, false, true, false},
    {"LEDTokenizer", "<s>", "</s>", "<unk>", "<pad>", false, false, true, false},
    {"BlenderbotTokenizer", "<s>", "</s>", "<unk>", "<pad>", false, false, true, false},
    {"MvpTokenizer", "<s>", "</s>", "<unk>", "<pad>", false, false, true, false},
    {"DebertaTokenizer", "[CLS]", "[SEP]", "[UNK]", "[PAD]", false, false, true, false},
};

constexpr std::pair<std::string_view, std::string_view> kClassOfModelType[] = {
    {"bart", "BartTokenizer"},
    {"blenderbot", "BlenderbotTokenizer"},
    {"bloom", "BloomTokenizer"},
    {"code_llama", "CodeLlamaTokenizer"},
    {"codegen", "CodeGenTokenizer"},
    {"cohere", "CohereTokenizer"},
    {"cohere2", "CohereTokenizer"},
    {"dbrx", "GPT2Tokenizer"},
    {"falcon_mamba", "GPTNeoXTokenizer"},
    {"gemma", "GemmaTokenizer"},
    {"gemma2", "GemmaTokenizer"},
    {"gpt2", "GPT2Tokenizer"},
    {"gpt_bigcode", "GPT2Tokenizer"},
    {"gpt_neo", "GPT2Tokenizer"},
    {"gpt_neox", "GPTNeoXTokenizer"},
    {"gptj", "GPT2Tokenizer"},
    {"jamba", "LlamaTokenizer"},
    {"jetmoe", "LlamaTokenizer"},
    {"led", "LEDTokenizer"},
    {"llama", "LlamaTokenizer"},
    {"longt5", "T5Tokenizer"},
    {"mamba", "GPTNeoXTokenizer"},
    {"mamba2", "GPTNeoXTokenizer"},
    {"mistral", "LlamaTokenizer"},
    {"mixtral", "LlamaTokenizer"},
    {"mllama", "LlamaTokenizer"},
    {"mpt", "GPTNeoXTokenizer"},
    {"mvp", "MvpTokenizer"},
    {"olmo", "GPTNeoXTokenizer"},
    {"olmo2", "GPTNeoXTokenizer"},
    {"olmoe", "GPTNeoXTokenizer"},
    {"opt", "GPT2Tokenizer"},
    {"persimmon", "LlamaTokenizer"},
    {"phi", "CodeGenTokenizer"},
    {"phi3", "LlamaTokenizer"},
    {"phimoe", "LlamaTokenizer"},
    {"qwen2", "Qwen2Tokenizer"},
    {"qwen2_audio", "Qwen2Tokenizer"},
    {"qwen2_moe", "Qwen2Tokenizer"},
    {"qwen3", "Qwen2Tokenizer"},
    {"recurrent_gemma", "GemmaTokenizer"},
    {"roberta", "RobertaTokenizer"},
    {"rwkv", "GPTNeoXTokenizer"},
    {"stablelm", "GPTNeoXTokenizer"},
    {"starcoder2", "GPT2Tokenizer"},
    {"switch_transformers", "T5Tokenizer"},
    {"t5", "T5Tokenizer"},
    {"umt5", "T5Tokenizer"},
    {"whisper", "WhisperTokenizer"},
    {"zamba", "LlamaTokenizer"},
};

}  // namespace

const TokenizerClass &tokenizer_class(std::string_view name) {
  constexpr std::string_view kFast = "Fast";
  static constexpr TokenizerClass kOther{};
  if (name.ends_with(kFast)) name.remove_suffix(kFast.size());
  for (const TokenizerClass &known : kClasses)
    if (known.name == name) return known;
  return kOther;
}

std::string_view class_of_model_type(std::string_view model_type) {
  for (const auto &[type, name] : kClassOfModelType)
    if (type == model_type) return name;
  return "";
}

}  // namespace kvern::tokenizer
