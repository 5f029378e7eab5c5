// Rules of the file: read from it, before anything of it is run.
#include <algorithm>
#include <cctype>

#include "check/elf.hpp"
#include "check/rules.hpp"

namespace kvern::conformance {
namespace {

constexpr const char *kFlags =
    " (kvern_add_plugin does all of it; by hand: -fvisibility=hidden -Wl,-z,nodelete -Wl,-z,now "
    "-Wl,--version-script=plugin_exports.map)";

/// Some of the names, as many as fit a message.
std::string some(const std::vector<std::string> &names) {
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, names.size()); ++i) text += (i ? ", " : "") + names[i];
  return text + (names.size() > 3 ? " and " + std::to_string(names.size() - 3) + " more" : "");
}

/// What the tools that instrument a library add to it.
bool is_of_sanitizer(const std::string &symbol) {
  for (const char *prefix :
       {"__asan", "__ubsan", "__sanitizer", "__tsan", "__odr_asan", "__start_", "__stop_"})
    if (symbol.starts_with(prefix)) return true;
  return false;
}

void one_symbol_is_exported(const Subject &subject) {
  if (subject.library.empty()) return;
  std::vector<std::string> exported = read_elf(subject.library).exported;
  expect(std::count(exported.begin(), exported.end(), KVERN_ENTRY_NAME) == 1,
         "not a cache plugin: it exports no function " KVERN_ENTRY_NAME);
  std::erase_if(exported,
                [](const std::string &name) { return name == KVERN_ENTRY_NAME || is_of_sanitizer(name); });
  expect(exported.empty(), "besides " KVERN_ENTRY_NAME " it exports " + some(exported) +
                               ": symbols of two plugins would be taken for one another" + kFlags);
}

bool is_torch_library(const std::string &name) {
  return name.starts_with("libtorch") || name.starts_with("libc10");
}

/// at::, c10:: and torch:: in the mangled name.
bool is_torch_symbol(const std::string &name) {
  for (const char *part : {"N2at", "N3c10", "N5torch", "NK2at", "NK3c10", "NK5torch"})
    if (name.starts_with("_Z") && name.find(part) != std::string::npos) return true;
  return false;
}

void the_build_string_fits(const Subject &subject) {
  if (subject.library.empty() || !subject.plugin) return;
  const ElfLibrary library = read_elf(subject.library);
  std::vector<std::string> torch;
  std::copy_if(library.needed.begin(), library.needed.end(), std::back_inserter(torch), is_torch_library);
  std::copy_if(library.imported.begin(), library.imported.end(), std::back_inserter(torch), is_torch_symbol);
  const std::string build = subject.plugin->build;
  if (build.empty())
    expect(torch.empty(), "its build string is empty, which says that it is without LibTorch, but it needs " +
                              some(torch) + ": it would load with one LibTorch and not with the next");
  expect(build.empty() || subject.host_build.empty() || build == subject.host_build,
         "it was built for " + build + ", this kvern is " + subject.host_build);
}

void the_library_stays_and_resolves(const Subject &subject) {
  if (subject.library.empty()) return;
  const ElfLibrary library = read_elf(subject.library);
  expect(library.never_unloaded,
         std::string("the library may be unloaded while its functions are in use: link it with "
                     "-Wl,-z,nodelete") +
             kFlags);
  const bool shared = std::any_of(library.needed.begin(), library.needed.end(), [](const std::string &name) {
    return name.starts_with("libstdc++") || name.starts_with("libc++");
  });
  expect(shared || !library.own_cxx_runtime,
         "it brings a C++ runtime of its own: link it without -static-libstdc++");
}

void the_library_loads(const Subject &subject) {
  if (!subject.library.empty()) check_loads(subject.library);
}

}  // namespace

const std::vector<Rule> library_rules{
    {"1.5", "the library exports kvern_plugin_entry and nothing else", one_symbol_is_exported,
     Needs::library},
    {"1.6", "the library is never unloaded, and shares the process's C++ runtime",
     the_library_stays_and_resolves, Needs::library},
    {"1.7", "every symbol is resolved when the library is loaded", the_library_loads, Needs::library, true},
    {"1.8", "the build string says which LibTorch the library needs, if any", the_build_string_fits,
     Needs::table},
};

}  // namespace kvern::conformance
