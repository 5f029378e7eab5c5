// Byte streams of save and load, with a running check sum. Numbers are little-endian as on every platform
// that is served.
#pragma once
#include <bit>
#include <kvern/sdk/failure.hpp>
#include <vector>

KVERN_SDK_BEGIN

static_assert(std::endian::native == std::endian::little,
              "the streams are written as the machine has the numbers");

/// 64 bits over a sequence of bytes, independent of how it is cut into calls. It finds accidents, not malice. Words go to four
/// streams in turn, so that it is as fast as memory.
class Checksum {
 public:
  void add(const void *data, std::size_t size) {
    const auto *bytes = static_cast<const unsigned char *>(data);
    for (; size > 0 && (filled_ != 0 || next_ != 0); --size) add_byte(*bytes++);
    const std::size_t in_turns = size / 32 * 32;
    add_turns(bytes, in_turns);
    bytes += in_turns;
    for (size -= in_turns; size > 0; --size) add_byte(*bytes++);
  }

  uint64_t value() const {
    uint64_t sum = mixed(word_, static_cast<uint64_t>(next_) * 8 + static_cast<uint64_t>(filled_));
    for (const uint64_t state : states_) sum = mixed(sum, state);
    return sum;
  }

 private:
  static uint64_t mixed(uint64_t state, uint64_t word) {
    state = (state ^ word) * 0x9FB21C651E98DF25ull;
    return state ^ (state >> 32);
  }

  void add_byte(unsigned char byte) {
    word_ |= static_cast<uint64_t>(byte) << (8 * filled_);
    if (++filled_ < 8) return;
    states_[next_] = mixed(states_[next_], word_);
    next_ = (next_ + 1) % 4;
    word_ = 0;
    filled_ = 0;
  }

  /// `size`: a multiple of 32, and the first stream is next.
  void add_turns(const unsigned char *bytes, std::size_t size) {
    uint64_t a = states_[0], b = states_[1], c = states_[2], d = states_[3];
    for (const unsigned char *end = bytes + size; bytes != end; bytes += 32) {
      uint64_t words[4];
      std::memcpy(words, bytes, 32);
      a = mixed(a, words[0]), b = mixed(b, words[1]), c = mixed(c, words[2]), d = mixed(d, words[3]);
    }
    states_[0] = a, states_[1] = b, states_[2] = c, states_[3] = d;
  }

  uint64_t states_[4] = {0x6B7665726E2F31ull, 0x6B7665726E2F32ull, 0x6B7665726E2F33ull, 0x6B7665726E2F34ull};
  uint64_t word_ = 0;
  int filled_ = 0, next_ = 0;
};

/// Writes to the host's stream. Throws INVALID_ARGUMENT if the stream does not take it all.
class Writer {
 public:
  explicit Writer(const kvern_stream_io &stream) : stream_(stream) {}

  void bytes(const void *data, int64_t size) {
    sum_.add(data, static_cast<std::size_t>(size));
    // io takes a pointer that it may write through in the other direction
    auto *next = static_cast<std::byte *>(const_cast<void *>(data));
    while (size > 0) {
      const int64_t taken = stream_.io(stream_.ctx, next, static_cast<uint64_t>(size));
      if (taken <= 0 || taken > size) {
        fail(KVERN_INVALID_ARGUMENT, "short write, ", size, " bytes missing: the saved cache is incomplete");
      }
      next += taken;
      size -= taken;
    }
  }

  template <class Number>
  void number(Number value) {
    static_assert(std::is_arithmetic_v<Number>);
    bytes(&value, sizeof value);
  }

  void string(std::string_view value) {
    number(static_cast<uint32_t>(value.size()));
    bytes(value.data(), static_cast<int64_t>(value.size()));
  }

  uint64_t check_sum() const { return sum_.value(); }

 private:
  const kvern_stream_io &stream_;
  Checksum sum_;
};

/// Reads from the host's stream, never more than asked. Everything it returns may be hostile: check a size
/// before anything is allocated from it.
class Reader {
 public:
  explicit Reader(const kvern_stream_io &stream) : stream_(stream) {}

  /// Fills all of it, or throws BAD_DATA.
  void bytes(void *data, int64_t size) {
    auto *next = static_cast<std::byte *>(data);
    int64_t left = size;
    while (left > 0) {
      const int64_t got = stream_.io(stream_.ctx, next, static_cast<uint64_t>(left));
      if (got <= 0 || got > left) {
        fail(KVERN_BAD_DATA, "the stream ", got < 0 ? "could not be read" : "ends", " after ",
             count_ + size - left, " bytes, in the middle of a saved cache");
      }
      sum_.add(next, static_cast<std::size_t>(got));  // while it is near
      next += got;
      left -= got;
    }
    count_ += size;
  }

  template <class Number>
  Number number() {
    static_assert(std::is_arithmetic_v<Number>);
    Number value{};
    bytes(&value, sizeof value);
    return value;
  }

  /// BAD_DATA outside min .. max; `what` names the number in the message.
  int64_t integer(const char *what, int64_t min, int64_t max) {
    const auto value = number<int64_t>();
    if (value < min || value > max) {
      fail(KVERN_BAD_DATA, "the saved cache has ", what, " = ", value, ", which is not in ", min, " .. ",
           max);
    }
    return value;
  }

  /// A number that must be what this cache has.
  void expect(const char *what, int64_t ours) {
    const auto value = number<int64_t>();
    if (value != ours) {
      fail(KVERN_BAD_DATA, "the saved cache has ", what, " = ", value, ", this one has ", ours);
    }
  }

  std::string string(std::size_t max) {
    const auto size = number<uint32_t>();
    if (size > max) fail(KVERN_BAD_DATA, "the saved cache has a name of ", size, " bytes");
    std::string value(size, '\0');
    bytes(value.data(), size);
    return value;
  }

  /// `count` numbers, taking memory only as they arrive.
  std::vector<int64_t> integers(int64_t count) {
    std::vector<int64_t> values;
    while (count > 0) {
      const int64_t part = std::min<int64_t>(count, 8192);
      values.resize(values.size() + static_cast<std::size_t>(part));
      bytes(values.data() + (values.size() - static_cast<std::size_t>(part)), part * 8);
      count -= part;
    }
    return values;
  }

  uint64_t check_sum() const { return sum_.value(); }

 private:
  const kvern_stream_io &stream_;
  Checksum sum_;
  int64_t count_ = 0;
};

KVERN_SDK_END
