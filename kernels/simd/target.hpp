// Header of a file for one instruction set: the standard headers, included before any target is switched on
// (their inline functions must not contain instructions the processor may lack), and the switch itself:
//   KVERN_TARGET_BEGIN("avx2,fma,f16c")  namespace ... { #include "...inl" }  KVERN_TARGET_END
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

#include "kernels/dtype.hpp"
#include "kernels/simd/kernel_table.hpp"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define KVERN_PRAGMA(...) _Pragma(#__VA_ARGS__)
#if defined(__clang__)
#define KVERN_TARGET_BEGIN(set) \
  KVERN_PRAGMA(clang attribute push(__attribute__((target(set))), apply_to = function))
#define KVERN_TARGET_END KVERN_PRAGMA(clang attribute pop)
#define KVERN_UNROLL KVERN_PRAGMA(clang loop unroll(full))
#else
#define KVERN_TARGET_BEGIN(set) KVERN_PRAGMA(GCC push_options) KVERN_PRAGMA(GCC target(set))
#define KVERN_TARGET_END KVERN_PRAGMA(GCC pop_options)
#define KVERN_UNROLL KVERN_PRAGMA(GCC unroll 16)
#endif

#define KVERN_INLINE static inline __attribute__((always_inline))
#define KVERN_INLINE_MEMBER inline __attribute__((always_inline))
