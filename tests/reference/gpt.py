"""Makes the numbers that Gradus is compared with: PyTorch takes one training step of a small GPT, then ten.

    pip install torch numpy safetensors
    python tests/reference/gpt.py        (a few seconds; rewrites three .safetensors files beside it)

README.md in this directory says what each file holds. The model is written out as functions of a dictionary of
parameters, so that it can be read beside the equations; autograd and AdamW are PyTorch's own.
"""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = Path(__file__).parent

# Sizes are odd and distinct wherever they can be: a wrong axis or factor cannot hide.
LAYERS, HEADS, WIDTH, CONTEXT, BATCH, VOCAB = 2, 3, 15, 7, 5, 11

STEPS, WARMUP, LR, MIN_LR = 10, 3, 1e-3, 1e-4
BETAS, EPS, WEIGHT_DECAY, MAX_NORM = (0.9, 0.99), 1e-8, 0.1, 1.0


def part(name, kind):
    """PyTorch's own modules write in_proj_weight, but linear1.weight."""
    return name + ("_" if name.endswith("in_proj") else ".") + kind


def parameter_shapes(bias):
    """Gradus' names and shapes, in Gradus' order; in a block the names are those of torch.nn.TransformerEncoderLayer.

    The output head is the token embedding itself and has no bias.
    """
    C = WIDTH
    shapes = {"token_embedding.weight": (VOCAB, C), "position_embedding.weight": (CONTEXT, C)}

    def add(name, *shape):
        shapes[part(name, "weight")] = shape
        if bias:
            shapes[part(name, "bias")] = shape[:1]

    for i in range(LAYERS):
        add(f"blocks.{i}.norm1", C)
        add(f"blocks.{i}.self_attn.in_proj", 3 * C, C)  # the rows of q, then of k, then of v; heads consecutive in each
        add(f"blocks.{i}.self_attn.out_proj", C, C)
        add(f"blocks.{i}.norm2", C)
        add(f"blocks.{i}.linear1", 4 * C, C)
        add(f"blocks.{i}.linear2", C, 4 * C)
    add("final_norm", C)
    return shapes


def initial_parameters(bias, generator):
    """Ten times GPT-2's spread, so that every term of every gradient matters; gains lie around 1, none equal to it.

    They are drawn in float32: both precisions then start from exactly the same numbers.
    """
    parameters = {}
    for name, shape in parameter_shapes(bias).items():
        value = 0.2 * torch.randn(shape, generator=generator, dtype=torch.float32)
        if "norm" in name and name.endswith(".weight"):
            value += 1
        parameters[name] = value
    return parameters


def leaves(parameters, dtype):
    """Fresh copies in the given precision that collect gradients."""
    return {name: value.to(dtype, copy=True).requires_grad_() for name, value in parameters.items()}


def attention(x, p, name):
    """Causal self-attention, written out. x: (B, T, C)"""
    B, T, C = x.shape
    qkv = linear(x, p, name + ".in_proj")  # (B, T, 3C)
    q, k, v = (part.view(B, T, HEADS, C // HEADS).transpose(1, 2) for part in qkv.split(C, dim=2))  # each (B, H, T, D)
    scores = q @ k.transpose(2, 3) / math.sqrt(C // HEADS)  # (B, H, T, T)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    weights = scores.masked_fill(future, -math.inf).softmax(dim=3)
    heads = (weights @ v).transpose(1, 2).reshape(B, T, C)
    return linear(heads, p, name + ".out_proj")


def feed_forward(x, p, name):
    return linear(F.gelu(linear(x, p, name + ".linear1"), approximate="tanh"), p, name + ".linear2")


def linear(x, p, name):
    return F.linear(x, p[part(name, "weight")], p.get(part(name, "bias")))


def layer_norm(x, p, name):
    return F.layer_norm(x, (WIDTH,), p[name + ".weight"], p.get(name + ".bias"), eps=1e-5)


def gpt_loss(p, tokens, target):
    """Pre-norm GPT with tied embeddings; the mean cross entropy over all B * T tokens."""
    x = p["token_embedding.weight"][tokens] + p["position_embedding.weight"]  # (B, T, C)
    for i in range(LAYERS):
        x = x + attention(layer_norm(x, p, f"blocks.{i}.norm1"), p, f"blocks.{i}.self_attn")
        x = x + feed_forward(layer_norm(x, p, f"blocks.{i}.norm2"), p, f"blocks.{i}")
    logits = layer_norm(x, p, "final_norm") @ p["token_embedding.weight"].T  # (B, T, V)
    return F.cross_entropy(logits.view(-1, VOCAB), target.view(-1))


def learning_rate(step):
    """nanoGPT's schedule: linear warm-up, then a cosine down to MIN_LR. step counts from 0."""
    if step < WARMUP:
        return LR * (step + 1) / (WARMUP + 1)
    if step > STEPS:
        return MIN_LR
    ratio = (step - WARMUP) / (STEPS - WARMUP)
    return MIN_LR + 0.5 * (1 + math.cos(math.pi * ratio)) * (LR - MIN_LR)


def train(p, tokens, target):
    """Takes STEPS steps of AdamW on one batch, in place. Returns each step's loss, norm before clipping, and rate."""
    matrices = [value for value in p.values() if value.dim() >= 2]
    vectors = [value for value in p.values() if value.dim() < 2]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=BETAS, eps=EPS, foreach=False)

    losses, norms, rates = [], [], []
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step)
        optimizer.zero_grad()
        loss = gpt_loss(p, tokens, target)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(list(p.values()), MAX_NORM))
        optimizer.step()
        losses.append(loss.detach())
        rates.append(learning_rate(step))
    return torch.stack(losses), torch.stack(norms), torch.tensor(rates, dtype=torch.float64)


def make_gpt(path, bias, seed):
    """The seed is one for which the norm falls below MAX_NORM during the ten steps: clipping acts, then does not."""
    generator = torch.Generator().manual_seed(seed)
    parameters = initial_parameters(bias, generator)
    tokens = torch.randint(VOCAB, (BATCH, CONTEXT), generator=generator)
    target = torch.randint(VOCAB, (BATCH, CONTEXT), generator=generator)
    tensors = {"input": tokens, "target": target}

    for dtype, suffix in [(torch.float64, ""), (torch.float32, "32")]:
        p = leaves(parameters, dtype)
        loss = gpt_loss(p, tokens, target)
        loss.backward()
        tensors["loss" + suffix] = loss.detach()
        tensors |= {f"grad{suffix}.{name}": value.grad for name, value in p.items()}

    p = leaves(parameters, torch.float64)
    tensors |= {f"param.{name}": value.detach().clone() for name, value in p.items()}
    tensors["losses"], tensors["norms"], tensors["rates"] = train(p, tokens, target)
    assert tensors["norms"][0] > MAX_NORM > tensors["norms"][-1]
    tensors |= {f"after.{name}": value.detach() for name, value in p.items()}
    save_file(tensors, path)
    report(path, parameters, tensors)


def report(path, parameters, tensors):
    """How far float32 lies from float64, and which gradients are small: what a tolerance has to allow for."""
    print(f"{path.name}: {path.stat().st_size} bytes, {sum(v.numel() for v in parameters.values())} parameters")
    print("  losses", " ".join(f"{x:.6f}" for x in tensors["losses"].tolist()))
    print("  norms ", " ".join(f"{x:.6f}" for x in tensors["norms"].tolist()))
    print(f"  float32 loss differs by {abs(tensors['loss32'].item() - tensors['loss'].item()):.1e}")
    print("  gradients: largest, smallest, largest difference of float32")
    for name in parameters:
        exact = tensors["grad." + name]
        difference = (tensors["grad32." + name].double() - exact).abs().max().item()
        print(f"    {name:38} {exact.abs().max().item():.1e} {exact.abs().min().item():.1e} {difference:.1e}")


def make_huggingface(path):
    """One tensor of each kind that Gradus reads or must refuse politely; README.md states the values as formulas."""
    eighths = lambda *shape: torch.arange(math.prod(shape)).reshape(shape) / 8 - 1
    tensors = {
        "float32": eighths(3, 5),
        "float64": 1 / torch.arange(3, 9, dtype=torch.float64).reshape(2, 3),
        "int64": (torch.arange(4) - 2) * 10**12,
        "bool": torch.arange(5) % 3 == 0,
        "float16": eighths(2, 4).half(),
        "bfloat16": eighths(7).bfloat16(),
        "scalar": torch.tensor(0.625),
        "empty": torch.empty(0, 3),
    }
    save_file(tensors, path, metadata={"note": 'quotes ", a backslash \\ and an é'})
    print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    torch.set_num_threads(1)
    make_gpt(HERE / "gpt.safetensors", bias=False, seed=10)
    make_gpt(HERE / "gpt_bias.safetensors", bias=True, seed=2)
    make_huggingface(HERE / "huggingface.safetensors")
