// The one way in which tests include Catch2. LibTorch's c10 redefines CHECK: a test that needs LibTorch includes it before
// this header, never after it.
#pragma once
#ifdef CHECK
#undef CHECK
#endif
#include <catch2/catch.hpp>
