#include "runtime/run/saved_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <kvern/error.hpp>

#include "runtime/support/block_sum.hpp"
#include "runtime/support/printable.hpp"

namespace kvern {
namespace {

namespace fs = std::filesystem;

constexpr char kMagic[8] = {'k', 'v', 'e', 'r', 'n', 's', 'v', '1'};
constexpr uint64_t kMostHeader = 1 << 20, kPage = 4096;
constexpr std::size_t kAnnounced =
    16 * kSavedBlock;  // bytes that the disk may read before they are asked for

/// What a file begins with; then the header, then from the next page on the payload.
struct Preamble {
  char magic[8];
  uint64_t header_bytes, header_sum, payload_bytes, payload_sum;
  uint64_t sum;  ///< of the fields before
};

uint64_t sum_of(const Preamble &preamble) {
  return block_sum(reinterpret_cast<const std::byte *>(&preamble), offsetof(Preamble, sum), 0);
}
uint64_t sum_of(const std::string &text) {
  return block_sum(reinterpret_cast<const std::byte *>(text.data()), text.size(), 0);
}
uint64_t payload_begin(uint64_t header_bytes) {
  return (sizeof(Preamble) + header_bytes + kPage - 1) / kPage * kPage;
}

std::string name_of(const fs::path &file) { return printable(file.string(), 400); }

}  // namespace

// ---- writing

SavedFileWriter::SavedFileWriter(const fs::path &file, const std::string &header)
    : file_(file), temporary_(file.string() + ".new-" + std::to_string(::getpid())), header_(header) {
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor_ < 0) fail(errno);
  block_.reserve(kSavedBlock);
  offset_ = payload_begin(header_.size());
}

SavedFileWriter::~SavedFileWriter() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void SavedFileWriter::fail(int error) const {
  throw Error(ErrorKind::output, name_of(file_) + ": cannot be written: " + std::strerror(error));
}

kvern_stream_io SavedFileWriter::stream() {
  return {sizeof(kvern_stream_io), 0, this, [](void *ctx, void *data, uint64_t size) -> int64_t {
            auto &self = *static_cast<SavedFileWriter *>(ctx);
            self.put(static_cast<const std::byte *>(data), size);
            return self.error_ == 0 ? static_cast<int64_t>(size) : -1;
          }};
}

void SavedFileWriter::put(const std::byte *data, std::size_t size) {
  payload_ += static_cast<int64_t>(size);
  while (size > 0 && error_ == 0) {
    const std::size_t n = std::min(size, kSavedBlock - block_.size());
    block_.insert(block_.end(), data, data + n);
    data += n, size -= n;
    if (block_.size() == kSavedBlock) flush();
  }
}

void SavedFileWriter::flush() {
  if (block_.empty()) return;
  sum_ = block_sum(block_.data(), block_.size(), sum_);
  write_at(block_.data(), block_.size(), offset_);
  offset_ += block_.size();
  block_.clear();
}

void SavedFileWriter::write_at(const void *data, std::size_t size, uint64_t offset) {
  const auto *next = static_cast<const char *>(data);
  while (size > 0 && error_ == 0) {
    const ssize_t n = ::pwrite(descriptor_, next, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      error_ = n < 0 ? errno : ENOSPC;
      return;
    }
    next += n, offset += static_cast<uint64_t>(n), size -= static_cast<std::size_t>(n);
  }
}

void SavedFileWriter::check() const {
  if (error_ != 0) fail(error_);
}

void SavedFileWriter::commit() {
  flush();
  Preamble preamble{{}, header_.size(), sum_of(header_), static_cast<uint64_t>(payload_), sum_, 0};
  std::memcpy(preamble.magic, kMagic, sizeof kMagic);
  preamble.sum = sum_of(preamble);
  if (error_ == 0 && ::ftruncate(descriptor_, static_cast<off_t>(offset_)) != 0) error_ = errno;
  write_at(&preamble, sizeof preamble, 0);
  write_at(header_.data(), header_.size(), sizeof preamble);
  if (error_ == 0 && ::fsync(descriptor_) != 0) error_ = errno;
  check();
  if (::rename(temporary_.c_str(), file_.c_str()) != 0) fail(errno);
  ::close(descriptor_);
  descriptor_ = -1;
  const int folder = ::open(file_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;  // the name may be lost with the power; the file it replaces is then there
  ::fsync(folder);
  ::close(folder);
}

// ---- reading

SavedFileReader::Descriptor::~Descriptor() {
  if (number >= 0) ::close(number);
}

SavedFileReader::SavedFileReader(const fs::path &file) : file_(file) {
  descriptor_.number = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_.number < 0) fail(std::strerror(errno));
  Preamble preamble{};
  const bool complete = ::pread(descriptor_.number, &preamble, sizeof preamble, 0) == sizeof preamble;
  if (!complete || std::memcmp(preamble.magic, kMagic, sizeof kMagic) != 0)
    fail("it is no saved cache of kvern");
  if (preamble.sum != sum_of(preamble) || preamble.header_bytes > kMostHeader)
    fail("it is damaged: its beginning has changed");
  header_.resize(preamble.header_bytes);
  const auto got = ::pread(descriptor_.number, header_.data(), header_.size(), sizeof preamble);
  if (got != static_cast<ssize_t>(header_.size()) || sum_of(header_) != preamble.header_sum)
    fail("it is damaged: its header has changed");
  payload_ = static_cast<int64_t>(preamble.payload_bytes);
  expected_ = preamble.payload_sum;
  begin_ = payload_begin(preamble.header_bytes);
  const off_t size = ::lseek(descriptor_.number, 0, SEEK_END);
  if (size != static_cast<off_t>(begin_ + preamble.payload_bytes))
    fail("it has " + std::to_string(size) + " bytes, but should have " +
         std::to_string(begin_ + preamble.payload_bytes));
}

SavedFileReader::~SavedFileReader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void SavedFileReader::fail(const std::string &why) const {
  throw Error(ErrorKind::input, name_of(file_) + ": " + why);
}

/// Lets the disk read before the thread asks: it stays busy where the thread has to wait for a processor or for the cache.
void SavedFileReader::announce(uint64_t offset, std::size_t size) const {
  ::posix_fadvise(descriptor_.number, static_cast<off_t>(offset), static_cast<off_t>(size),
                  POSIX_FADV_WILLNEED);
}

kvern_stream_io SavedFileReader::stream() {
  ::posix_fadvise(descriptor_.number, 0, 0, POSIX_FADV_SEQUENTIAL);
  announce(begin_, kAnnounced);
  for (Block &block : blocks_) block.data.reset(new std::byte[kSavedBlock]);
  thread_ = std::thread([this] { read_ahead(); });
  return {sizeof(kvern_stream_io), 0, this, [](void *ctx, void *data, uint64_t size) {
            return static_cast<SavedFileReader *>(ctx)->take(data, size);
          }};
}

void SavedFileReader::read_ahead() {
  auto left = static_cast<uint64_t>(payload_);
  for (uint64_t offset = begin_; left > 0;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || filled_ - emptied_ < kBlocks; });
      if (stop_) return;
    }
    announce(offset + kAnnounced, kSavedBlock);
    Block &block = blocks_[filled_ % kBlocks];
    const auto want = static_cast<std::size_t>(std::min<uint64_t>(left, kSavedBlock));
    for (block.size = 0; block.size < want;) {
      const ssize_t n = ::pread(descriptor_.number, block.data.get() + block.size, want - block.size,
                                static_cast<off_t>(offset + block.size));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      block.size += static_cast<std::size_t>(n);
    }
    const bool complete = block.size == want;
    left -= block.size, offset += block.size;
    {
      const std::lock_guard lock(mutex_);
      ++filled_;
      ended_ = left == 0 || !complete, broken_ = !complete;
    }
    changed_.notify_all();
    if (!complete) return;
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

int64_t SavedFileReader::take(void *to, uint64_t size) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return filled_ > emptied_ || ended_; });
    if (filled_ == emptied_) return broken_ ? -1 : 0;
  }
  Block &block = blocks_[emptied_ % kBlocks];
  const auto n = static_cast<std::size_t>(std::min<uint64_t>(size, block.size - at_));
  std::memcpy(to, block.data.get() + at_, n);
  at_ += n, taken_ += static_cast<int64_t>(n);
  if (at_ == block.size) {
    sum_ = block_sum(block.data.get(), block.size, sum_);
    at_ = 0;
    const std::lock_guard lock(mutex_);
    ++emptied_;
    changed_.notify_all();
  }
  return static_cast<int64_t>(n);
}

void SavedFileReader::check() {
  if (taken_ != payload_)
    fail("it is damaged: the cache took " + std::to_string(taken_) + " of its " + std::to_string(payload_) +
         " bytes");
  if (sum_ != expected_) fail("it is damaged: its checksum is wrong");
}

}  // namespace kvern
