// Recorded cases of models with states and with encoders on the emulated device.
#include "tests/cross/device_replay.hpp"

using namespace kvern::test;

TEST_CASE(
    "Models with recurrent states give the recorded ids on the emulated device, alone and in padded "
    "batches") {
  replay({"states",
          "generate",
          {"bamba_v4__greedy", "falcon_h1_v4__greedy", "granitemoehybrid_v4__greedy", "lfm2_v4__greedy",
           "qwen3_next_v4__greedy", "mamba__greedy_left_padded_batch", "jamba__greedy_len2"}},
         "emulated:1");
}

TEST_CASE("Models with encoders give the recorded ids on the emulated device, of beams too") {
  replay({"encoders",
          "generate",
          {"bart__beam2", "bart__greedy_right_padded_batch", "t5__beam2", "t5__greedy_static_cache",
           "whisper__plain_greedy_sot_only"}});
}

TEST_CASE("Families of every kind give the recorded logits on the emulated device") {
  replay({"recent", "forward", {}});
  replay({"states", "forward", {}}, "emulated:1");
  replay({"encoders", "encoder_decoder_forward", {}});
}
