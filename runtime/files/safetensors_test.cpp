#include "runtime/files/safetensors.hpp"

#include <cstring>
#include <fstream>

#include "runtime/files/write_safetensors.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using kvern::files::Dtype;
using kvern::files::parse_safetensors;
using kvern::files::SafetensorsFile;
using kvern::files::TensorView;
using kvern::test::TemporaryFolder;

namespace {

std::string little_endian(uint64_t n) {
  std::string out(8, '\0');
  std::memcpy(out.data(), &n, 8);
  return out;
}

std::string with_header(const std::string &header, size_t data_bytes) {
  return little_endian(header.size()) + header + std::string(data_bytes, '\1');
}

std::string refusal(const std::string &bytes) {
  return kvern::test::error_text(kvern::ErrorKind::model, [&] {
    parse_safetensors(reinterpret_cast<const std::byte *>(bytes.data()), bytes.size(), "m.safetensors");
  });
}

// What is said of one tensor `a` with these fields and so many bytes of data.
std::string tensor_refusal(const std::string &fields, size_t data_bytes) {
  return refusal(with_header("{\"a\":{" + fields + "}}", data_bytes));
}

TensorView view_of(Dtype dtype, std::vector<int64_t> shape, const std::string &bytes) {
  return {dtype, std::move(shape), bytes.data(), bytes.size(), nullptr};
}

}  // namespace

TEST_CASE("A file that was written is read back: names, types, shapes, bytes and metadata") {
  const TemporaryFolder folder;
  const std::string floats(24, 'f'), halves(6, 'h'), flags(3, 'b');
  kvern::files::write_safetensors(folder / "x.safetensors",
                                  {{"flags", view_of(Dtype::boolean, {3}, flags)},
                                   {"floats", view_of(Dtype::f32, {2, 3}, floats)},
                                   {"halves", view_of(Dtype::bf16, {3}, halves)},
                                   {"none", view_of(Dtype::f64, {0, 4}, "")},
                                   {"scalar", view_of(Dtype::u8, {}, "s")}},
                                  {{"format", "pt"}});
  const SafetensorsFile file(folder / "x.safetensors");
  CHECK(file.entries().size() == 5);
  CHECK(file.metadata().at("format") == "pt");
  const TensorView view = file.tensor("floats");
  CHECK(view.dtype == Dtype::f32);
  CHECK(view.shape == std::vector<int64_t>{2, 3});
  CHECK(std::string(static_cast<const char *>(view.data), view.bytes) == floats);
  CHECK(reinterpret_cast<uintptr_t>(view.data) % 4 == 0);
  CHECK(file.tensor("none").bytes == 0);
  CHECK(file.tensor("scalar").shape.empty());
}

TEST_CASE("A view keeps the mapping alive when the file object is gone") {
  const TemporaryFolder folder;
  kvern::files::write_safetensors(folder / "x.safetensors", {{"a", view_of(Dtype::u8, {2}, "ok")}});
  TensorView view;
  {
    const SafetensorsFile file(folder / "x.safetensors");
    view = file.tensor("a");
  }
  CHECK(std::string(static_cast<const char *>(view.data), 2) == "ok");
}

TEST_CASE("A tensor that the file does not align comes as an aligned copy") {
  const TemporaryFolder folder;
  const std::string header = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} )";
  REQUIRE((8 + header.size()) % 4 != 0);
  std::ofstream(folder / "x.safetensors", std::ios::binary) << little_endian(header.size()) + header + "abcd";
  const TensorView view = SafetensorsFile(folder / "x.safetensors").tensor("a");
  CHECK(reinterpret_cast<uintptr_t>(view.data) % 4 == 0);
  CHECK(std::string(static_cast<const char *>(view.data), 4) == "abcd");
}

TEST_CASE("An unknown tensor is answered with the nearest name") {
  const TemporaryFolder folder;
  kvern::files::write_safetensors(folder / "x.safetensors", {{"wte.weight", view_of(Dtype::u8, {1}, "x")}});
  const SafetensorsFile file(folder / "x.safetensors");
  CHECK(kvern::test::error_text(kvern::ErrorKind::model, [&] { file.tensor("wte.wieght"); }) ==
        (folder / "x.safetensors").string() + ": has no tensor 'wte.wieght'; did you mean 'wte.weight'?");
}

TEST_CASE("A file without a proper header is refused") {
  CHECK(refusal("") == "m.safetensors: is empty; a safetensors file begins with its header's length");
  CHECK(refusal("abc") == "m.safetensors: is truncated: 3 bytes, but the header's length alone takes 8");
  CHECK(refusal(little_endian(100'000'001) + "{}") ==
        "m.safetensors: is no safetensors file: it claims a header of 100000001 bytes; at most 100000000 are "
        "allowed");
  CHECK(refusal(little_endian(UINT64_MAX) + "{}") ==
        "m.safetensors: is no safetensors file: it claims a header of 18446744073709551615 bytes; at most "
        "100000000 are "
        "allowed");
  CHECK(refusal(little_endian(50) + "{}") ==
        "m.safetensors: is truncated: the header should have 50 bytes, the file has 2 after its length");
  CHECK(refusal(with_header(" {}", 0)) ==
        "m.safetensors: is no safetensors file: the header should be a JSON object that begins with '{'");
  CHECK_THAT(refusal(with_header("{\"a\":", 0)),
             Catch::StartsWith("m.safetensors: header: is not valid JSON: "));
  CHECK(
      refusal("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n") ==
      "m.safetensors: is a Git LFS pointer, not the weights; fetch them with 'git lfs pull' in that folder");
}

TEST_CASE("A file without tensors is whole") { CHECK(refusal(with_header("{}", 0)) == "(no error)"); }

TEST_CASE("A tensor's entry must have its three fields, each of its type") {
  CHECK(refusal(with_header(R"({"a":[]})", 0)) ==
        "m.safetensors: tensor 'a': its entry must be an object with dtype, shape, data_offsets");
  CHECK_THAT(tensor_refusal(R"("shape":[],"data_offsets":[0,1])", 1),
             Catch::StartsWith("m.safetensors: tensor 'a': 'dtype' must be a string, one of BOOL, U8"));
  CHECK_THAT(tensor_refusal(R"("dtype":"Q4","shape":[1],"data_offsets":[0,1])", 1),
             Catch::StartsWith("m.safetensors: tensor 'a': dtype 'Q4' is unknown; known are BOOL, U8"));
  for (const char *shape : {"3", "[-1]", "[1.0]", "[\"1\"]", "null", "[18446744073709551615]"}) {
    CHECK(tensor_refusal(std::string(R"("dtype":"U8","data_offsets":[0,1],"shape":)") + shape, 1) ==
          "m.safetensors: tensor 'a': 'shape' must be a list of integers of 0 or more");
  }
  CHECK(tensor_refusal(R"("dtype":"U8","shape":[1],"data_offsets":[0])", 1) ==
        "m.safetensors: tensor 'a': 'data_offsets' must be two integers, begin and end");
  CHECK(tensor_refusal(R"("dtype":"U8","shape":[1])", 1) ==
        "m.safetensors: tensor 'a': 'data_offsets' must be a list of integers of 0 or more");
  CHECK(tensor_refusal(R"("dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1)", 1) ==
        "m.safetensors: tensor 'a': unknown field 'x'; known are dtype, shape, data_offsets");
}

TEST_CASE("A tensor outside of the file is refused") {
  CHECK(tensor_refusal(R"("dtype":"U8","shape":[9],"data_offsets":[0,9])", 8) ==
        "m.safetensors: tensor 'a': its bytes 0 to 9 lie outside the file, which holds 8 bytes of tensors; "
        "the file is "
        "truncated or its header wrong");
  CHECK(tensor_refusal(R"("dtype":"U8","shape":[1],"data_offsets":[9223372036854775806,9223372036854775807])",
                       8) ==
        "m.safetensors: tensor 'a': its bytes 9223372036854775806 to 9223372036854775807 lie outside the "
        "file, which "
        "holds 8 bytes of tensors; the file is truncated or its header wrong");
  CHECK(tensor_refusal(R"("dtype":"U8","shape":[1],"data_offsets":[2,1])", 8) ==
        "m.safetensors: tensor 'a': its bytes 2 to 1 end before they begin");
}

TEST_CASE("A tensor whose bytes are not the product of its shape is refused") {
  CHECK(tensor_refusal(R"("dtype":"F32","shape":[2,3],"data_offsets":[0,12])", 12) ==
        "m.safetensors: tensor 'a': F32 of shape [2, 3] takes 24 bytes, its data_offsets hold 12");
  CHECK(tensor_refusal(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])", 0) ==
        "m.safetensors: tensor 'a': F32 of shape [4294967296, 4294967296] has more bytes than 64 bits can "
        "count");
  CHECK(tensor_refusal(R"("dtype":"U8","shape":[4294967296,4294967296,0],"data_offsets":[0,0])", 0) ==
        "m.safetensors: tensor 'a': U8 of shape [4294967296, 4294967296, 0] has more bytes than 64 bits can "
        "count");
}

TEST_CASE("Tensors that overlap or leave bytes unused are refused") {
  const std::string a = R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})";
  const auto second = [&](const std::string &offsets, int n) {
    return "{" + a + R"(,"b":{"dtype":"U8","shape":[)" + std::to_string(n) + R"(],"data_offsets":)" +
           offsets + "}}";
  };
  CHECK(refusal(with_header(second("[4,8]", 4), 8)) == "(no error)");
  CHECK(refusal(with_header(second("[2,6]", 4), 6)) ==
        "m.safetensors: tensor 'b': overlaps 'a': begins at 2, where bytes up to 4 are taken");
  CHECK(refusal(with_header(second("[0,4]", 4), 4)) ==
        "m.safetensors: tensor 'b': overlaps 'a': begins at 0, where bytes up to 4 are taken");
  CHECK(refusal(with_header(second("[6,8]", 2), 8)) ==
        "m.safetensors: tensor 'b': begins at 6 and leaves 2 bytes before it unused; tensors must follow "
        "each other "
        "without gaps");
  CHECK(refusal(with_header("{" + a + "}", 5)) ==
        "m.safetensors: has 1 byte after the last tensor; the file should end there");
}

TEST_CASE("A name that stands twice is refused") {
  const std::string a = R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})";
  CHECK(refusal(with_header("{" + a + "," + a + "}", 4)) ==
        "m.safetensors: header: the key 'a' stands twice in one object; each key may be given once");
}

TEST_CASE("Metadata must be strings") {
  CHECK(refusal(with_header(R"({"__metadata__":{"format":1}})", 0)) ==
        "m.safetensors: header: __metadata__.format: expected a string, found the integer 1");
}

TEST_CASE("A tensor whose view lies about its size is not written") {
  CHECK_THAT(
      kvern::test::error_text(kvern::ErrorKind::model,
                              [] {
                                kvern::files::safetensors_bytes({{"a", view_of(Dtype::f32, {2}, "abcd")}});
                              }),
      Catch::Contains("tensor 'a': F32 of shape [2] takes 8 bytes"));
}

TEST_CASE("A folder that cannot be written is an error of output") {
  CHECK(kvern::test::error_text(kvern::ErrorKind::output, [] {
          kvern::files::write_safetensors("/nonexistent/x.safetensors", {});
        }) == "/nonexistent/x.safetensors: cannot be written");
}
