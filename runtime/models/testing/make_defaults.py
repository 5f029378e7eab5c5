"""Writes the defaults of transformers' configuration classes: make_defaults.py MODEL_TYPE...

Into defaults/MODEL_TYPE.json beside this file goes an entry for the installed version of transformers (torch is not needed):
every number, text and boolean that an empty config.json gives. What transformers 5 keeps in rope_parameters stands at the
top, as in version 4, without a scaling that a family has by default: that is the family's own test. families_test compares them with the defaults of the families.
"""
import json
import pathlib
import sys

import transformers

IGNORED = {"_name_or_path", "initializer_range", "use_cache", "pretraining_tp", "transformers_version", "chunk_size_feed_forward", "model_type",
           "_attn_implementation_autoset", "output_attentions", "output_hidden_states", "return_dict", "is_encoder_decoder",
           "problem_type", "rope_type", "init_std", "initializer_factor", "encoder_layerdrop", "decoder_layerdrop",
           "classifier_proj_size", "apply_spec_augment", "median_filter_width", "use_weighted_layer_sum", "dense_act_fn",
           "is_gated_act", "cache_implementation", "output_router_logits", "reorder_and_upcast_attn",
           "router_aux_loss_coef", "router_jitter_noise", "is_decoder", "num_nextn_predict_layers",
           "residual_in_fp32", "rescale_prenorm_residual", "time_step_floor", "time_step_init_scheme", "time_step_max",
           "time_step_min", "time_step_scale", "use_associative_scan", "use_mambapy", "use_mamba_kernels", "mamba_chunk_size",
           "num_logits_to_keep", "z_loss_coefficient"}
ROPE = {"rope_theta", "partial_rotary_factor"}
GENERATION = {"temperature", "top_p", "top_k", "num_beams", "max_length", "min_length", "typical_p", "length_penalty",
              "num_return_sequences", "num_beam_groups", "diversity_penalty", "repetition_penalty", "encoder_no_repeat_ngram_size",
              "no_repeat_ngram_size", "torchscript", "tf_legacy_loss", "use_bfloat16", "early_stopping", "do_sample",
              "remove_invalid_values", "output_scores", "return_dict_in_generate", "cross_attention_hidden_size"}


def defaults(model_type):
    """sliding_window has a default of its own only if use_sliding_window is true."""
    make = transformers.CONFIG_MAPPING[model_type]
    values = make().to_dict()
    if "use_sliding_window" in values:
        values["sliding_window"] = make(use_sliding_window=True).to_dict()["sliding_window"]
    rope = values.pop("rope_parameters", None) or {}
    values.update({key: value for key, value in rope.get("full_attention", rope).items() if key in ROPE})
    return {
        key: value
        for key, value in sorted(values.items())
        if (isinstance(value, (bool, int, float, str)) or key == "eos_token_id" and value) and key not in IGNORED | GENERATION
        and "dropout" not in key and "pdrop" not in key and not key.startswith(("summary_", "mask_"))
    }


for name in sys.argv[1:]:
    path = pathlib.Path(__file__).parent / "defaults" / f"{name}.json"
    versions = json.loads(path.read_text()) if path.exists() else {}
    versions[transformers.__version__] = defaults(name)
    path.write_text(json.dumps(versions, indent=1, sort_keys=True) + "\n")
