"""Random weights with which every part of a model matters: matrices by their fan-in, norms and biases around their neutral value,
routers wide, decays of states neither exploding nor forgotten at once; and logits of a spread that tolerances are made for."""
import math

import torch

OFFSET_BY_ONE = {"Gemma2RMSNorm", "Gemma3RMSNorm", "Qwen3NextRMSNorm", "NemotronLayerNorm1P"}
SPREAD = 2.0


def draw(name, parameter, neutral, transposed, generator):
    noise = torch.randn(parameter.shape, generator=generator)
    leaf = name.rpartition(".")[2]
    if leaf == "A_log":
        return torch.log(0.05 + 1.2 * torch.rand(parameter.shape, generator=generator))
    if leaf == "dt_bias" or name.endswith("dt_proj.bias"):
        dt = torch.exp(torch.rand(parameter.shape, generator=generator) * math.log(0.9 / 0.05) + math.log(0.05))
        return dt + torch.log(-torch.expm1(-dt))
    if leaf == "D":
        return 1 + 0.3 * noise
    if neutral is not None and leaf != "bias":
        return neutral + 0.25 * noise
    if parameter.dim() == 1 or leaf.endswith("bias"):
        return 0.15 * noise
    if "router" in name or name.endswith("gate.weight"):
        return noise * (3.0 / math.sqrt(parameter.shape[-1]))
    if parameter.dim() == 3 and "conv" in name:
        return noise * (1.5 / math.sqrt(parameter.shape[-1]))
    fan_in = parameter.shape[-2] if transposed else parameter.shape[-1]
    return noise * (1.4 / math.sqrt(fan_in))


@torch.no_grad()
def randomize(model, seed):
    generator = torch.Generator().manual_seed(seed)
    neutral = {n: 0.0 if type(m).__name__ in OFFSET_BY_ONE else 1.0 for n, m in model.named_modules() if "norm" in type(m).__name__.lower()}
    embeddings = {n + ".weight" for n, m in model.named_modules() if isinstance(m, torch.nn.Embedding)}
    stacked = model.config.model_type == "gpt_oss"
    items = list(model.named_parameters()) + [(n, b) for n, b in model.named_buffers() if n.endswith("correction_bias")]
    for name, parameter in sorted(items, key=lambda item: item[0]):
        if name in embeddings:
            new = torch.randn(parameter.shape, generator=generator) * 0.5
        else:
            transposed = model.config.model_type == "gpt2" or (stacked and parameter.dim() == 3)
            new = draw(name, parameter, neutral.get(name.rpartition(".")[0]), transposed, generator)
        parameter.copy_(new)
    model.tie_weights()
    scale_logits(model, seed)


def last_norm(model):
    body = getattr(model, model.base_model_prefix)
    names = ("norm", "final_layernorm", "final_layer_norm", "embedding_norm", "ln_f", "norm_f")
    return next(getattr(body, n) for n in names if hasattr(body, n))


def scale_logits(model, seed):
    if model.config.is_encoder_decoder:
        return None
    ids = torch.randint(3, model.config.vocab_size, (4, 24), generator=torch.Generator().manual_seed(seed + 1))
    factor = float(f"{SPREAD / model(ids, use_cache=False).logits.std().item():.2g}")
    if not model.config.tie_word_embeddings:
        return model.get_output_embeddings().weight.mul_(factor)
    norm = last_norm(model)
    one = 1.0 if type(norm).__name__ in OFFSET_BY_ONE else 0.0
    if norm.weight is not None:
        norm.weight.copy_((norm.weight + one) * factor - one)
    if getattr(norm, "bias", None) is not None:
        norm.bias.mul_(factor)
