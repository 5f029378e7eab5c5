#include <kvern/sdk/saved_header.hpp>

#include "tests/support/test.hpp"

using namespace kvern::sdk;

namespace {

const DLDataType kFloat{kDLFloat, 32, 1};

uint64_t sum_of(const std::string &bytes) {
  Checksum sum;
  sum.add(bytes.data(), bytes.size());
  return sum.value();
}

/// What Checksum says, word by word: word i goes to state i % 4, and the last one, not full, is mixed with all states at the end.
uint64_t reference_sum(const std::string &bytes) {
  const auto mixed = [](uint64_t state, uint64_t word) {
    state = (state ^ word) * 0x9FB21C651E98DF25ull;
    return state ^ (state >> 32);
  };
  const auto word_at = [&](std::size_t at) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, std::min<std::size_t>(8, bytes.size() - at));
    return word;
  };
  std::array<uint64_t, 4> states{0x6B7665726E2F31ull, 0x6B7665726E2F32ull, 0x6B7665726E2F33ull,
                                 0x6B7665726E2F34ull};
  const std::size_t words = bytes.size() / 8;
  for (std::size_t i = 0; i < words; ++i) states[i % 4] = mixed(states[i % 4], word_at(8 * i));
  uint64_t sum = mixed(bytes.size() % 8 == 0 ? 0 : word_at(8 * words), bytes.size() % 32);
  for (const uint64_t state : states) sum = mixed(sum, state);
  return sum;
}

std::string some_bytes(std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(i * 37 + i / 256);
  return bytes;
}

/// A stream over a string.
struct Memory {
  static int64_t write(void *ctx, void *data, uint64_t size) {
    static_cast<Memory *>(ctx)->bytes.append(static_cast<const char *>(data), size);
    return static_cast<int64_t>(size);
  }
  static int64_t read(void *ctx, void *data, uint64_t size) {
    auto *memory = static_cast<Memory *>(ctx);
    const std::size_t got = memory->bytes.copy(static_cast<char *>(data), size, memory->at);
    memory->at += got;
    return static_cast<int64_t>(got);
  }
  kvern_stream_io stream(int64_t (*io)(void *, void *, uint64_t)) {
    kvern_stream_io stream{};
    stream.struct_size = sizeof stream;
    stream.ctx = this;
    stream.io = io;
    return stream;
  }
  std::string bytes;
  std::size_t at = 0;
};

std::string saved_header() {
  Memory memory;
  const kvern_stream_io stream = memory.stream(Memory::write);
  Writer out(stream);
  write_header(out, "mine", 3, {}, kFloat);
  return memory.bytes;
}

std::string message_of_loading(std::string bytes, const char *plugin = "mine", int64_t format = 3) {
  Memory memory{std::move(bytes)};
  const kvern_stream_io stream = memory.stream(Memory::read);
  Reader in(stream);
  try {
    read_header(in, plugin, format, {}, kFloat);
  } catch (const Failure &failure) {
    CHECK(failure.status() == KVERN_BAD_DATA);
    return failure.what();
  }
  return "";
}

}  // namespace

TEST_CASE("the check sum does not depend on how bytes are cut into calls") {
  for (const std::size_t size : {0, 1, 7, 8, 31, 32, 33, 95, 100, 260}) {
    const std::string bytes = some_bytes(size);
    CAPTURE(size);
    CHECK(sum_of(bytes) == reference_sum(bytes));
    for (std::size_t part = 1; part < 70; part += part < 9 ? 1 : 13) {
      Checksum pieces;
      for (std::size_t at = 0; at < size; at += part)
        pieces.add(bytes.data() + at, std::min(part, size - at));
      CHECK(pieces.value() == reference_sum(bytes));
    }
  }
}

TEST_CASE("the check sum sees a changed bit, zeros at the end, and words that change places") {
  const std::string bytes = some_bytes(101);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] ^= 1;
    CHECK(sum_of(changed) != sum_of(bytes));
  }
  for (int zeros = 1; zeros < 40; ++zeros) CHECK(sum_of(bytes + std::string(zeros, 0)) != sum_of(bytes));
  for (std::size_t at = 8; at + 8 <= bytes.size(); at += 8) {
    std::string changed =
        bytes.substr(at, 8) + bytes.substr(8, at - 8) + bytes.substr(0, 8) + bytes.substr(at + 8);
    CHECK(sum_of(changed) != sum_of(bytes));
  }
}

TEST_CASE("a header says whether it is one of another plugin, another version, or none") {
  const std::string header = saved_header();
  CHECK(message_of_loading(header).empty());
  CHECK(message_of_loading(header, "yours") == "the cache was saved by the plugin 'mine', this is 'yours'");
  CHECK(message_of_loading(header, "mine", 4).find("format") != std::string::npos);
  std::string older = header, foreign = header;
  older[7] = '1';
  foreign[0] = 'x';
  CHECK(message_of_loading(older) == "the cache was saved by another version of the SDK");
  CHECK(message_of_loading(foreign) == "this is not a saved cache");
  for (std::size_t size = 0; size < header.size(); ++size)
    CHECK(message_of_loading(header.substr(0, size)).find("in the middle of a saved cache") !=
          std::string::npos);
}
