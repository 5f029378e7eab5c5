// How often this thread has allocated, in programs that link counting_new.cpp.
#pragma once

namespace kvern::testing {
int allocations();
}
