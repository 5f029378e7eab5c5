// Recorded cases of decoders on the emulated device: the ids of transformers and of the CPU, for each way of generating and each
// cache that claims a device. Small cases: the emulation takes about a second for each.
#include "tests/cross/device_replay.hpp"

using namespace kvern::test;

TEST_CASE("Greedy ids on the emulated device are those of transformers, those of padded batches too") {
  replay({"decoders", "greedy", {}});
  replay({"decoders", "greedy_batch", {"gpt2__left_padded", "llama_llama3__left_padded"}}, "emulated:1");
}

TEST_CASE("Prompts fed in chunks give the logits of the whole on the emulated device") {
  replay({"decoders",
          "chunked_prefill",
          {"gpt2__dynamic_chunks_of_1", "gpt2__dynamic_chunks_of_3", "gpt2__dynamic_chunks_of_5",
           "llama__static_chunks_of_1", "llama__static_chunks_of_3", "llama__static_chunks_of_5",
           "mistral__dynamic_chunks_of_3", "phi__static_chunks_of_5"}},
         "emulated:2");
}

TEST_CASE("Beams, drafts, a kept prefix and seeded samples give the recorded ids on the emulated device") {
  replay({"decoders", "beam", {"llama__beams2_left_padded"}});
  replay({"decoders", "assisted", {"llama__prompt_lookup3"}});
  replay({"decoders", "prefix_reuse", {"mistral__suffix0"}});
  replay({"decoders", "sampling", {"gpt2__all_warpers", "gpt2__batch_left_padded"}}, "emulated:3");
}

TEST_CASE("Every cache that claims a device gives the recorded ids on the emulated one") {
  for (const std::string cache :
       {"none", "static", "sink", "paged", "hybrid", "offloaded", "offloaded_static", "batching"})
    replay({"decoders", "greedy", {"gpt2__dynamic_cache"}, cache});
  replay({"decoders", "greedy", {"mistral__dynamic_cache"}, "sliding_window"});
  replay({"encoders", "generate", {"t5__greedy"}, "encoder_decoder"});
  replay({"states", "generate", {"mamba__greedy_len12"}, "mamba"});
}
