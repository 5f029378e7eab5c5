#include "check/elf.hpp"

#include <elf.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "check/harness.hpp"

namespace kvern::conformance {
namespace {

/// The bytes of a file, every access within them.
class Bytes {
 public:
  explicit Bytes(const std::string &path) : path_(path) {
    std::ifstream in(path, std::ios::binary);
    expect(in.good(), path + ": the file cannot be read");
    bytes_.assign(std::istreambuf_iterator<char>(in), {});
  }

  template <class T>
  T at(uint64_t offset) const {
    T value;
    if (offset > bytes_.size() || sizeof value > bytes_.size() - offset) broken();
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }
  std::string text(uint64_t offset) const {
    if (offset >= bytes_.size()) broken();
    return {bytes_.c_str() + offset};
  }
  bool contains(const std::string &text) const { return bytes_.find(text) != std::string::npos; }
  [[noreturn]] void broken() const { violated(path_ + ": not a shared library of 64 bits"); }

 private:
  std::string path_, bytes_;
};

void read_symbols(const Bytes &file, const Elf64_Shdr &symbols, const Elf64_Shdr &names, ElfLibrary &to) {
  for (uint64_t i = 1; i < symbols.sh_size / sizeof(Elf64_Sym); ++i) {
    const auto symbol = file.at<Elf64_Sym>(symbols.sh_offset + i * sizeof(Elf64_Sym));
    if (ELF64_ST_BIND(symbol.st_info) == STB_LOCAL || ELF64_ST_TYPE(symbol.st_info) == STT_SECTION) continue;
    const std::string name = file.text(names.sh_offset + symbol.st_name);
    if (symbol.st_shndx == SHN_UNDEF) {
      to.imported.push_back(name);
    } else if (ELF64_ST_VISIBILITY(symbol.st_other) == STV_DEFAULT && symbol.st_shndx != SHN_ABS) {
      to.exported.push_back(name);
    }
  }
}

void read_dynamic(const Bytes &file, const Elf64_Shdr &dynamic, const Elf64_Shdr &names, ElfLibrary &to) {
  for (uint64_t i = 0; i < dynamic.sh_size / sizeof(Elf64_Dyn); ++i) {
    const auto entry = file.at<Elf64_Dyn>(dynamic.sh_offset + i * sizeof(Elf64_Dyn));
    if (entry.d_tag == DT_NEEDED) to.needed.push_back(file.text(names.sh_offset + entry.d_un.d_val));
    if (entry.d_tag == DT_FLAGS_1) to.never_unloaded = (entry.d_un.d_val & DF_1_NODELETE) != 0;
  }
}

}  // namespace

ElfLibrary read_elf(const std::string &path) {
  const Bytes file(path);
  const auto header = file.at<Elf64_Ehdr>(0);
  const bool fits = std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
                    header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_type == ET_DYN &&
                    header.e_shentsize == sizeof(Elf64_Shdr);
  if (!fits) file.broken();
  const auto section = [&](uint64_t i) {
    if (i >= header.e_shnum) file.broken();
    return file.at<Elf64_Shdr>(header.e_shoff + i * sizeof(Elf64_Shdr));
  };
  ElfLibrary library;
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    const Elf64_Shdr one = section(i);
    if (one.sh_type == SHT_DYNSYM) read_symbols(file, one, section(one.sh_link), library);
    if (one.sh_type == SHT_DYNAMIC) read_dynamic(file, one, section(one.sh_link), library);
  }
  library.own_cxx_runtime = file.contains("terminate called recursively");
  return library;
}

}  // namespace kvern::conformance
