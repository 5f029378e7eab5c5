#include "kernels/simd/tile_emulator.hpp"

#if defined(__x86_64__)
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "kernels/dtype.hpp"
#include "kernels/simd/tiles_amx.hpp"

namespace kvern::kernels::testing {
namespace {

constexpr int kTiles = 8, kMaxRows = 16, kMaxBytes = 64;
struct alignas(kMaxBytes) Row : std::array<unsigned char, kMaxBytes> {};

struct Tiles {
  TileShapes shapes;
  bool set = false;
  std::array<std::array<Row, kMaxRows>, kTiles> data;
};
thread_local Tiles tiles;

[[noreturn]] void refuse(std::string_view why) {
  constexpr std::string_view kWhere = "tile emulator: ";
  (void)!write(STDERR_FILENO, kWhere.data(), kWhere.size());
  (void)!write(STDERR_FILENO, why.data(), why.size());
  (void)!write(STDERR_FILENO, "\n", 1);
  std::abort();
}

int rows_of(int tile) { return tiles.shapes.rows[static_cast<size_t>(tile)]; }
int bytes_of(int tile) { return tiles.shapes.row_bytes[static_cast<size_t>(tile)]; }
std::array<Row, kMaxRows> &data_of(int tile) { return tiles.data[static_cast<size_t>(tile)]; }

void need(int tile) {
  if (!tiles.set) refuse("no shapes were set");
  if (rows_of(tile) == 0 || bytes_of(tile) == 0) refuse("a tile without a shape is used");
}

/// One instruction with a three-byte VEX prefix, and the processor's registers before it.
class Instruction {
 public:
  Instruction(const unsigned char *code, const greg_t *registers) : code_(code), registers_(registers) {
    if (code[0] != 0xc4 || (code[1] & 31) != 2 || (code[2] & 0x84) != 0)
      refuse("not an instruction on tiles");
    at_ = 5;
    in_memory_ = code[4] >> 6 != 3;
    if (in_memory_) decode_address();
  }

  int prefix() const { return code_[2] & 3; }  // 0 none, 1 66, 2 F3, 3 F2
  int opcode() const { return code_[3]; }
  bool in_memory() const { return in_memory_; }
  int reg() const { return code_[4] >> 3 & 7; }
  int rm() const { return code_[4] & 7; }
  int third() const { return ~(code_[2] >> 3) & 15; }
  int length() const { return at_; }
  /// Of an operand in memory; of a tile's row i with the stride.
  unsigned char *address(int i = 0) const {
    const int64_t from_next = from_next_ ? reinterpret_cast<int64_t>(code_) + at_ : 0;
    return reinterpret_cast<unsigned char *>(base_ + from_next + i * stride_);  // NOLINT
  }

 private:
  int64_t value(int number) const {
    constexpr int kPlaces[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                               REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return registers_[kPlaces[number]];
  }

  template <class T>
  int64_t displacement() {
    T number;
    std::memcpy(&number, code_ + at_, sizeof number);
    at_ += static_cast<int>(sizeof number);
    return number;
  }

  void decode_address() {
    const int mod = code_[4] >> 6, high_base = (~code_[1] >> 5 & 1) * 8,
              high_index = (~code_[1] >> 6 & 1) * 8;
    int base = rm();
    bool no_base = false;
    if (base == 4) {
      const int sib = code_[at_++], index = (sib >> 3 & 7) + high_index;
      if (index != 4) stride_ = value(index) << (sib >> 6);
      base = sib & 7;
      no_base = base == 5 && mod == 0;
    } else {
      from_next_ = no_base = base == 5 && mod == 0;
    }
    if (!no_base) base_ = value(base + high_base);
    if (mod == 1) base_ += displacement<int8_t>();
    if (mod == 2 || no_base) base_ += displacement<int32_t>();
  }

  const unsigned char *code_;
  const greg_t *registers_;
  int at_;
  bool in_memory_, from_next_ = false;
  int64_t base_ = 0, stride_ = 0;
};

void set_shapes(const unsigned char *from) {
  tiles = {};
  std::memcpy(&tiles.shapes, from, sizeof tiles.shapes);
  if (tiles.shapes.palette != 1 || tiles.shapes.start_row != 0) refuse("an unknown palette");
  for (int tile = 0; tile < kTiles; ++tile) {
    if (rows_of(tile) > kMaxRows || bytes_of(tile) > kMaxBytes) refuse("a tile too large");
    if ((rows_of(tile) == 0) != (bytes_of(tile) == 0)) refuse("a tile with rows or bytes, but not both");
  }
  tiles.set = true;
}

void load(int tile, const Instruction &from) {
  need(tile);
  data_of(tile) = {};
  for (int r = 0; r < rows_of(tile); ++r)
    std::memcpy(data_of(tile)[static_cast<size_t>(r)].data(), from.address(r),
                static_cast<size_t>(bytes_of(tile)));
}

void store(int tile, const Instruction &to) {
  need(tile);
  for (int r = 0; r < rows_of(tile); ++r)
    std::memcpy(to.address(r), data_of(tile)[static_cast<size_t>(r)].data(),
                static_cast<size_t>(bytes_of(tile)));
}

float number(int tile, int row, int i) {
  return load_element(data_of(tile)[static_cast<size_t>(row)].data(), Dtype::bf16, i);
}

void multiply(int sum, int a, int b) {
  for (int tile : {sum, a, b}) need(tile);
  const int pairs = bytes_of(a) / 4, columns = bytes_of(sum) / 4;
  if (rows_of(sum) != rows_of(a) || pairs != rows_of(b) || bytes_of(sum) != bytes_of(b))
    refuse("shapes that do not fit");
  for (int m = 0; m < rows_of(sum); ++m)
    for (int n = 0; n < columns; ++n) {
      unsigned char *place = data_of(sum)[static_cast<size_t>(m)].data();
      float total = load_element(place, Dtype::f32, n);
      for (int k = 0; k < pairs; ++k)
        total +=
            number(a, m, 2 * k) * number(b, k, 2 * n) + number(a, m, 2 * k + 1) * number(b, k, 2 * n + 1);
      store_element(place, Dtype::f32, n, total);
    }
}

void run(const Instruction &i) {
  constexpr int kNone = 0, kF3 = 2, kF2 = 3;
  if (i.opcode() == 0x49 && i.prefix() == kNone && i.in_memory()) return set_shapes(i.address());
  if (i.opcode() == 0x49 && i.prefix() == kNone && i.reg() == 0 && i.rm() == 0) return void(tiles = {});
  if (i.opcode() == 0x49 && i.prefix() == kF2 && !i.in_memory())
    return need(i.reg()), void(data_of(i.reg()) = {});
  if (i.opcode() == 0x4b && i.prefix() == kF2 && i.in_memory()) return load(i.reg(), i);
  if (i.opcode() == 0x4b && i.prefix() == kF3 && i.in_memory()) return store(i.reg(), i);
  if (i.opcode() == 0x5c && i.prefix() == kF3 && !i.in_memory()) return multiply(i.reg(), i.rm(), i.third());
  refuse("an unknown instruction on tiles");
}

void handle(int, siginfo_t *, void *context) {
  greg_t *registers = static_cast<ucontext_t *>(context)->uc_mcontext.gregs;
  const Instruction instruction(reinterpret_cast<const unsigned char *>(registers[REG_RIP]), registers);
  run(instruction);
  registers[REG_RIP] += instruction.length();
}

}  // namespace

TileEmulator::TileEmulator() {
  struct sigaction action = {};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGILL, &action, &before_);
}

TileEmulator::~TileEmulator() { sigaction(SIGILL, &before_, nullptr); }

}  // namespace kvern::kernels::testing
#endif
