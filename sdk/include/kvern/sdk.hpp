// The whole SDK in one header, without what needs kvern::kernels (kernel_call.hpp, row_attention.hpp).
#pragma once
#include <kvern/sdk/composite.hpp>
#include <kvern/sdk/decorator.hpp>
#include <kvern/sdk/growth.hpp>
#include <kvern/sdk/key_cache.hpp>
#include <kvern/sdk/offload/offloading.hpp>
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/relay_host.hpp>
#include <kvern/sdk/retention/keep_all.hpp>
#include <kvern/sdk/retention/sinks.hpp>
#include <kvern/sdk/retention/window.hpp>
#include <kvern/sdk/row_cache.hpp>
#include <kvern/sdk/shared_blocks.hpp>
#include <kvern/sdk/slot_cache.hpp>
#include <kvern/sdk/state_tensor.hpp>
