// A file of a header and a payload, with sums over both. It appears whole under its name or not at all, and is read in large
// blocks by a thread of its own, which goes on while the payload is taken and summed.
#pragma once
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <kvern/abi/cache_abi.h>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace kvern {

constexpr std::size_t kSavedBlock = std::size_t{4} << 20;  ///< bytes read, summed and written at a time

/// Writes beside the name that it shall have, and takes it in commit(). What is not committed is removed.
class SavedFileWriter {
 public:
  /// Throws Error(output), as the other members do: "FILE: reason".
  SavedFileWriter(const std::filesystem::path &file, const std::string &header);
  ~SavedFileWriter();
  SavedFileWriter(const SavedFileWriter &) = delete;
  SavedFileWriter &operator=(const SavedFileWriter &) = delete;

  /// For Cache::save. A failure ends the stream; check() and commit() then say what it was.
  kvern_stream_io stream();
  /// Throws what the stream has failed with, if it has.
  void check() const;
  /// Sums, length, fsync, rename.
  void commit();
  int64_t payload_bytes() const { return payload_; }

 private:
  void put(const std::byte *data, std::size_t size);
  void flush();
  void write_at(const void *data, std::size_t size, uint64_t offset);
  [[noreturn]] void fail(int error) const;

  std::filesystem::path file_, temporary_;
  int descriptor_ = -1, error_ = 0;
  std::string header_;
  std::vector<std::byte> block_;
  uint64_t sum_ = 0, offset_ = 0;
  int64_t payload_ = 0;
};

/// Throws Error(input) "FILE: reason" for what is no such file, or is cut or changed.
class SavedFileReader {
 public:
  explicit SavedFileReader(const std::filesystem::path &file);
  ~SavedFileReader();
  SavedFileReader(const SavedFileReader &) = delete;
  SavedFileReader &operator=(const SavedFileReader &) = delete;

  const std::string &header() const { return header_; }
  int64_t payload_bytes() const { return payload_; }
  /// For Cache::load; starts reading.
  kvern_stream_io stream();
  /// After the payload was taken: all of it, and its sum.
  void check();

 private:
  void announce(uint64_t offset, std::size_t size) const;
  void read_ahead();
  int64_t take(void *to, uint64_t size);
  [[noreturn]] void fail(const std::string &why) const;

  struct Descriptor {
    int number = -1;
    ~Descriptor();
  };

  std::filesystem::path file_;
  Descriptor descriptor_;
  std::string header_;
  int64_t payload_ = 0, taken_ = 0;
  uint64_t begin_ = 0, expected_ = 0, sum_ = 0;

  struct Block {
    std::unique_ptr<std::byte[]> data;
    std::size_t size = 0;
  };
  static constexpr std::size_t kBlocks = 4;
  Block blocks_[kBlocks];
  std::size_t filled_ = 0, emptied_ = 0,
              at_ = 0;  // blocks read and taken so far; bytes taken of the current one
  bool ended_ = false, broken_ = false, stop_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread thread_;
};

}  // namespace kvern
