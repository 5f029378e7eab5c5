#include "runtime/tokenizer/tokenizer.hpp"

#include <filesystem>
#include <fstream>
#include <functional>
#include <kvern/error.hpp>
#include <string>

#include "tests/support/test.hpp"

using kvern::Error;
using kvern::ErrorKind;
using kvern::Tokenizer;
namespace fs = std::filesystem;
using Ids = std::vector<int64_t>;

namespace {

const std::string kModel =
    R"({"type":"WordLevel","vocab":{"<unk>":0,"a":1,"b":2,"<s>":3},"unk_token":"<unk>"})";

// A tokenizer of words a and b with more fields, such as R"("normalizer":{...},)".
Tokenizer words(const std::string &fields, const std::string &config = "") {
  return Tokenizer::from_json(
      "{" + fields + R"("pre_tokenizer":{"type":"WhitespaceSplit"},"model":)" + kModel + "}", config);
}

Error error_of(const std::function<void()> &run) {
  try {
    run();
  } catch (const Error &e) {
    return e;
  }
  return Error(ErrorKind::internal, "no error");
}

struct Folder {
  fs::path path = fs::temp_directory_path() / "kvern_tokenizer_test";
  Folder() {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  void write(const std::string &name, const std::string &text) const { std::ofstream(path / name) << text; }
};

}  // namespace

TEST_CASE("A text that is not UTF-8 is refused with the place of the first wrong byte") {
  const Error error = error_of([] { words("").encode("a b\xE9 a", true); });
  CHECK(error.kind() == ErrorKind::input);
  CHECK_THAT(error.what(), Catch::Contains("byte 3") && Catch::Contains("0xE9"));
}

TEST_CASE("An unknown component is named with its file, its key and all that are known") {
  const Error error =
      error_of([] { words(R"("normalizer":{"type":"Sequence","normalizers":[{"type":"NFCC"}]},)"); });
  CHECK(error.kind() == ErrorKind::model);
  CHECK_THAT(error.what(),
             Catch::Contains("tokenizer.json: normalizer.normalizers[0].type: unknown type 'NFCC'") &&
                 Catch::Contains("did you mean 'NFC'?") && Catch::Contains("StripAccents"));
}

TEST_CASE("A missing or wrong field is named with its key") {
  CHECK_THAT(error_of([] { words(R"("decoder":{"type":"Replace","content":"x"},)"); }).what(),
             Catch::Contains("decoder: has no 'pattern'"));
  CHECK_THAT(
      error_of([] { words(R"("pre_tokenizer":1,"decoder":{"type":"Strip","content":"ab"},)"); }).what(),
      Catch::Contains("must be one character"));
  CHECK_THAT(error_of([] { Tokenizer::from_json("{\"model\": "); }).what(),
             Catch::Contains("not a JSON file"));
  CHECK_THAT(error_of([] {
               Tokenizer::from_json(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}})");
             }).what(),
             Catch::Contains("model.merges: merge 0: 'b' is not in the vocabulary"));
}

TEST_CASE("A folder without tokenizer.json is refused with the way to make one") {
  const Folder folder;
  CHECK(!Tokenizer::exists(folder.path));
  CHECK_THAT(error_of([&] { Tokenizer::load(folder.path); }).what(),
             Catch::Contains("there is no tokenizer.json"));
  folder.write("tokenizer.model", "");
  const Error error = error_of([&] { Tokenizer::load(folder.path); });
  CHECK(error.kind() == ErrorKind::model);
  CHECK_THAT(error.what(), Catch::Contains("tokenizer.model") && Catch::Contains("save_pretrained"));
}

TEST_CASE("A folder is loaded with both files, and a wrong one is named") {
  const Folder folder;
  folder.write("tokenizer.json", R"({"model":)" + kModel + "}");
  folder.write("tokenizer_config.json", R"({"padding_side": "left", "eos_token": {"content": "<s>"}})");
  const Tokenizer tokenizer = Tokenizer::load(folder.path);
  CHECK(tokenizer.pads_left());
  CHECK(tokenizer.special_token_id("eos_token") == 3);
  CHECK(!tokenizer.special_token("bos_token"));
  folder.write("tokenizer_config.json", R"({"add_bos_token": "yes"})");
  CHECK_THAT(error_of([&] { Tokenizer::load(folder.path); }).what(),
             Catch::Contains("tokenizer_config.json: add_bos_token: must be true or false"));
}

TEST_CASE("A word that is unknown and has no unk token is an error about the text") {
  const Error error = error_of([] {
    Tokenizer::from_json(R"({"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"?"}})")
        .encode("b", false);
  });
  CHECK(error.kind() == ErrorKind::input);
}

TEST_CASE("Truncation and padding of the file change nothing") {
  const Tokenizer tokenizer = words(
      R"("truncation":{"direction":"Right","max_length":1,"strategy":"LongestFirst","stride":0},)"
      R"("padding":{"strategy":{"Fixed":9},"direction":"Right","pad_id":0,"pad_type_id":0,"pad_token":"a"},)");
  CHECK(tokenizer.encode("a b a", true) == Ids{1, 2, 1});
}

TEST_CASE("An added token that the model lacks gets the next id, whatever the file says") {
  const Tokenizer tokenizer = words(R"("added_tokens":[{"id":77,"content":"<x>","special":true}],)");
  CHECK(tokenizer.token_to_id("<x>") == 4);
  CHECK(tokenizer.id_to_token(4) == "<x>");
  CHECK(!tokenizer.id_to_token(77));
  CHECK(tokenizer.vocab_size() == 5);
  CHECK(tokenizer.is_special(4));
  CHECK(!tokenizer.is_special(1));
}

TEST_CASE("LLaMA's class puts bos and eos where its configuration asks for them") {
  const std::string fields = R"("added_tokens":[{"id":3,"content":"<s>","special":true}],)";
  const auto ids = [&](const std::string &config) {
    return words(fields, R"({"tokenizer_class":"LlamaTokenizerFast","bos_token":"<s>","eos_token":"<s>",)" +
                             config + "}")
        .encode_hf("a", true);
  };
  CHECK(ids(R"("add_bos_token":true)") == Ids{3, 1});
  CHECK(ids(R"("add_bos_token":false)") == Ids{1});
  CHECK(ids(R"("add_bos_token":true,"add_eos_token":true)") == Ids{3, 1, 3});
  CHECK(words(fields, R"({"tokenizer_class":"LlamaTokenizer"})").encode("a", true) == Ids{1});
}

TEST_CASE("Without a tokenizer class that of config.json counts, then the one of its model_type") {
  const Folder folder;
  folder.write("tokenizer.json",
               R"({"added_tokens":[{"id":3,"content":"<s>","special":true}],"model":)" + kModel + "}");
  const auto ids = [&] { return Tokenizer::load(folder.path).encode_hf("a", true); };
  CHECK(ids() == Ids{1});
  folder.write("config.json", R"({"model_type":"mistral"})");
  CHECK(ids() == Ids{3, 1});
  folder.write("tokenizer_config.json", R"({"bos_token":"<s>"})");
  CHECK(ids() == Ids{3, 1});
  folder.write("tokenizer_config.json", R"({"tokenizer_class":"PreTrainedTokenizerFast"})");
  CHECK(ids() == Ids{1});
  folder.write("tokenizer_config.json", R"({"add_bos_token":false,"add_eos_token":true,"eos_token":"<s>"})");
  CHECK(ids() == Ids{1, 3});
  folder.write("tokenizer_config.json", "{}");
  folder.write("config.json", R"({"model_type":"mistral","tokenizer_class":"GPT2Tokenizer"})");
  CHECK(ids() == Ids{1});
}

TEST_CASE("GPT-NeoX's class puts bos only where its configuration asks for it") {
  const std::string fields = R"("added_tokens":[{"id":3,"content":"<s>","special":true}],)";
  const std::string config = R"({"tokenizer_class":"GPTNeoXTokenizer","bos_token":"<s>")";
  CHECK(words(fields, config + "}").encode_hf("a", true) == Ids{1});
  CHECK(words(fields, config + R"(,"add_bos_token":true})").encode_hf("a", true) == Ids{3, 1});
}

TEST_CASE("split_special_tokens cuts special tokens of a text, not other added tokens") {
  const std::string fields =
      R"("added_tokens":[{"id":3,"content":"<s>","special":true},{"id":4,"content":"<x>"}],)";
  CHECK(words(fields).encode_hf("<s>a<x>", true) == Ids{3, 1, 4});
  CHECK(words(fields, R"({"split_special_tokens":true})").encode_hf("<s>a<x>", true) == Ids{0, 4});
}

TEST_CASE("Flags of a special token come from added_tokens_decoder, else from tokenizer.json") {
  const std::string fields = R"("added_tokens":[{"id":3,"content":"<s>","special":true,"rstrip":true}],)";
  const auto ids = [&](const std::string &config) {
    return words(fields, config).encode_hf("<s> <s>", true);
  };
  CHECK(ids("") == Ids{3, 3});
  const Tokenizer tokenizer =
      words(fields, R"({"bos_token":{"content":"<s>","lstrip":false,"rstrip":false,"single_word":true}})");
  CHECK(tokenizer.encode_hf("a<s>", true) == Ids{1, 3});
  const std::string decoder =
      R"({"added_tokens_decoder":{"3":{"content":"<s>","special":true,"single_word":true}})";
  CHECK(words(fields, decoder + "}").encode_hf("a<s>", true) == Ids{0});
  CHECK(words(fields, decoder + R"(,"bos_token":{"content":"<s>","single_word":false}})")
            .encode_hf("a<s>", true) == Ids{0});
}

TEST_CASE("special_tokens_map.json overrides tokenizer_config.json where added_tokens_decoder is absent") {
  const Folder folder;
  folder.write("tokenizer.json", R"({"model":)" + kModel + "}");
  folder.write("tokenizer_config.json", R"({"bos_token":"a","eos_token":"b"})");
  folder.write("special_tokens_map.json", R"({"bos_token":"<s>"})");
  CHECK(Tokenizer::load(folder.path).special_token("bos_token") == "<s>");
  CHECK(Tokenizer::load(folder.path).special_token("eos_token") == "b");
  folder.write("tokenizer_config.json", R"({"bos_token":"a","added_tokens_decoder":{}})");
  CHECK(Tokenizer::load(folder.path).special_token("bos_token") == "a");
  folder.write("added_tokens.json", R"({"<y>": 5, "<x>": 4})");
  folder.write("tokenizer_config.json", R"({"bos_token":"<y>"})");
  folder.write("special_tokens_map.json", "{}");
  const Tokenizer tokenizer = Tokenizer::load(folder.path);
  CHECK(tokenizer.token_to_id("<x>") == 4);
  CHECK(tokenizer.is_special(5));
  CHECK(!tokenizer.is_special(4));
}

TEST_CASE("A special token that only the configuration has is found in texts and left out of them") {
  const Tokenizer tokenizer = words("", R"({"pad_token": "<pad>"})");
  CHECK(tokenizer.encode_hf("a <pad>", true) == Ids{1, 4});
  CHECK(tokenizer.text(Ids{1, 4}, true) == "a");
  CHECK(tokenizer.encode("a <pad>", true) == Ids{1, 0});
}

TEST_CASE("Whisper's texts have neither timestamps nor the prompt") {
  const std::string file =
      R"({"added_tokens":[{"id":0,"content":"<|startofprev|>","special":true},)"
      R"({"id":1,"content":"<|startoftranscript|>","special":true},{"id":4,"content":"<|0.00|>"}],)"
      R"("decoder":{"type":"Fuse"},"model":{"type":"WordLevel","unk_token":"a",)"
      R"("vocab":{"<|startofprev|>":0,"<|startoftranscript|>":1,"a":2,"b":3,"<|0.00|>":4}}})";
  const Tokenizer tokenizer = Tokenizer::from_json(file, R"({"tokenizer_class":"WhisperTokenizer"})");
  CHECK(tokenizer.text(Ids{0, 2, 1, 4, 3}, true) == "b");
  CHECK(tokenizer.text(Ids{0, 2, 4}, true).empty());
  CHECK(tokenizer.text(Ids{1, 4, 3}, false) == "<|startoftranscript|>b");
  CHECK(tokenizer.decode(Ids{4, 3}, false) == "<|0.00|>b");
}

TEST_CASE("A normalizer that makes a text explode ends with an error") {
  std::string steps;
  for (int i = 0; i < 60; ++i)
    steps += std::string(i ? "," : "") + R"({"type":"Replace","pattern":{"String":"a"},"content":"aaaa"})";
  const Tokenizer tokenizer = words(R"("normalizer":{"type":"Sequence","normalizers":[)" + steps + "]},");
  CHECK_THAT(error_of([&] { tokenizer.encode("a", true); }).what(), Catch::Contains("grow"));
}

TEST_CASE("Control characters of a file do not reach a message") {
  const Error error = error_of([] { words(R"("normalizer":{"type":"\u001b[31mred"},)"); });
  CHECK_THAT(error.what(), Catch::Contains("\\x1b[31mred") && !Catch::Contains("\x1b"));
  CHECK_THAT(error_of([] {
               words(R"("decoder":{"type":"Replace","pattern":{"Regex":"(\u001b"},"content":""},)");
             }).what(),
             !Catch::Contains("\x1b"));
}

TEST_CASE("A long word costs WordPiece linear time, and a token as long as the text ends with an error") {
  const std::string letters(40'000, 'a');
  const Tokenizer word_piece = Tokenizer::from_json(
      R"({"model":{"type":"WordPiece","vocab":{"[UNK]":0,"a":1,"##a":2,"##aa":3},"unk_token":"[UNK]",)"
      R"("max_input_chars_per_word":1000000}})");
  CHECK(word_piece.encode(letters, false).size() == 20'001);
  const std::string token = letters + "b";
  const Tokenizer added = words(R"("added_tokens":[{"content":")" + token + R"("}],)");
  CHECK_THAT(error_of([&] { added.encode(letters, false); }).what(), Catch::Contains("too many steps"));
  const Tokenizer unigram = Tokenizer::from_json(
      R"({"model":{"type":"Unigram","unk_id":0,"vocab":[["a",0],[")" + token + R"(",0]]}})");
  CHECK(error_of([&] { unigram.encode(letters, false); }).kind() == ErrorKind::input);
}
