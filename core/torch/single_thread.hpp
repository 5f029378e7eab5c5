// LibTorch without threads: its operators see a few rows of logits, and everything else runs on kvern's threads.
#pragma once

namespace kvern {

/// Lets LibTorch's operators compute on the calling thread alone. Before LibTorch's first operator, from the main thread. Not by
/// at::set_num_threads: that starts a pool of threads, and waits for ever for one that the system refuses to create.
void keep_torch_single_threaded();

}  // namespace kvern
