// What a case gives an encoder: token ids with padding on the right, or features of audio.
#pragma once
#include <kvern/generation.hpp>

#include "tests/reference_runner/case.hpp"

namespace kvern::reference {

/// `inputs` of the case: input_ids and attention_mask, or input_features in tensors of other files.
EncoderInput encoder_input(const Case &c);

/// The prompt of the decoder: decoder_input_ids, or empty; and the encoder's input.
Prompt encoder_decoder_prompt(const Case &c);

}  // namespace kvern::reference
