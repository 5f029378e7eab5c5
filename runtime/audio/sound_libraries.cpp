#include "runtime/audio/sound_libraries.hpp"

#include <dlfcn.h>

#include <kvern/error.hpp>
#include <string>

namespace kvern::audio {
namespace {

/// A library by the name of its binary interface, which its major version is part of.
class Library {
 public:
  Library(const char *name, const char *package) : handle_(dlopen(name, RTLD_NOW | RTLD_LOCAL)) {
    if (!handle_) {
      const char *why = dlerror();
      throw Error(ErrorKind::input, std::string("recordings are read with ") + name +
                                        ", which cannot be loaded (" + (why ? why : "no reason given") +
                                        "): install the package " + package);
    }
  }

  template <class Function>
  void find(const char *symbol, Function &to) const {
    to = reinterpret_cast<Function>(dlsym(handle_, symbol));
    if (!to)
      throw Error(ErrorKind::input, std::string("the library for recordings has no function ") + symbol);
  }

 private:
  void *handle_;
};

SoundFiles load_sound_files() {
  const Library library("libsndfile.so.1", "libsndfile1");
  SoundFiles files{};
  library.find("sf_open", files.open);
  library.find("sf_close", files.close);
  library.find("sf_readf_float", files.readf_float);
  library.find("sf_error", files.error);
  library.find("sf_strerror", files.strerror);
  return files;
}

SampleRates load_sample_rates() {
  const Library library("libsamplerate.so.0", "libsamplerate0");
  SampleRates rates{};
  library.find("src_simple", rates.simple);
  library.find("src_strerror", rates.strerror);
  library.find("src_is_valid_ratio", rates.is_valid_ratio);
  return rates;
}

}  // namespace

const SoundFiles &sound_files() {
  static const SoundFiles files = load_sound_files();
  return files;
}

const SampleRates &sample_rates() {
  static const SampleRates rates = load_sample_rates();
  return rates;
}

}  // namespace kvern::audio
