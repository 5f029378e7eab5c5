// libsndfile and libsamplerate, loaded when a recording is read: a run without audio does not pay for the memory that they and
// the codecs behind them map at start-up.
#pragma once
#include <samplerate.h>
#include <sndfile.h>

namespace kvern::audio {

/// The functions of libsndfile that are used, by their names without the prefix `sf_`.
struct SoundFiles {
  decltype(&sf_open) open;
  decltype(&sf_close) close;
  decltype(&sf_readf_float) readf_float;
  decltype(&sf_error) error;
  decltype(&sf_strerror) strerror;
};

/// The functions of libsamplerate that are used, by their names without the prefix `src_`.
struct SampleRates {
  decltype(&src_simple) simple;
  decltype(&src_strerror) strerror;
  decltype(&src_is_valid_ratio) is_valid_ratio;
};

/// Loads the library at the first call, and keeps it until the program ends; safe from several threads. Throws Error(input) if
/// it cannot be loaded, and tries again at the next call.
const SoundFiles &sound_files();
const SampleRates &sample_rates();

}  // namespace kvern::audio
