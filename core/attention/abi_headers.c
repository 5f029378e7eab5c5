/* Includes every header of the contract as C11, which must compile without a warning. It holds no code of the product. */
#include <kvern/abi/attention.h>
#include <kvern/abi/cache_abi.h>
#include <kvern/abi/compose.h>
#include <kvern/abi/device.h>
#include <kvern/abi/parallel.h>
#include <kvern/abi/parts.h>
#include <kvern/abi/positions.h>
#include <kvern/abi/rope.h>
#include <kvern/abi/window.h>

_Static_assert(sizeof(kvern_positions_1) == 16 && sizeof(kvern_cache_positions_1) == 16,
               "frozen on 64-bit platforms");
_Static_assert(sizeof(kvern_parallel_1) == 32, "frozen on 64-bit platforms");
_Static_assert(sizeof(kvern_cache_window_1) == 24, "frozen on 64-bit platforms");
_Static_assert(sizeof(kvern_device_1) == 96, "frozen on 64-bit platforms");
