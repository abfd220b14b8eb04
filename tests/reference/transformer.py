"""Makes the numbers that Gradus' modules are compared with: PyTorch's own, forward and backward, in float64.

    pip install torch numpy safetensors
    python tests/reference/transformer.py        (a second; rewrites transformer.safetensors beside it)

Every module keeps PyTorch's names and layouts: Gradus must load this state as it is. README.md says what is in the file.
"""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parent

# Two heads of five numbers each; sizes are distinct, so that a wrong axis or factor cannot hide.
WIDTH, HEADS, HIDDEN, BATCH, TIME, MEMORY = 10, 2, 11, 3, 5, 7
LENGTHS, MEMORY_LENGTHS = (5, 2, 4), (7, 6, 1)  # of the sequences of a batch, where the rest is padding
BUCKETS, MAX_DISTANCE, FARTHEST = 32, 128, 300


def draw(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def padding(lengths, length):
    """PyTorch's key_padding_mask: true where there is nothing to see."""
    return torch.arange(length) >= torch.tensor(lengths)[:, None]


def settle(module):
    """Moves every parameter away from special values such as a gain of 1 or a bias of 0."""
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * draw(*parameter.shape)
    return module


def record(tensors, case, module, call, **inputs):
    """The module's state, what call makes of the inputs, and the gradients of sum(dy * y)."""
    leaves = {name: value.requires_grad_() for name, value in inputs.items()}
    y = call(module, **leaves)
    dy = draw(*y.shape)
    y.backward(dy)
    tensors |= {f"{case}/state/{name}": value.clone() for name, value in module.state_dict().items()}
    tensors |= {f"{case}/grad/{name}": value.grad for name, value in module.named_parameters()}
    tensors |= {f"{case}/{name}": leaf.detach() for name, leaf in leaves.items()}
    tensors |= {f"{case}/d{name}": leaf.grad for name, leaf in leaves.items()}
    tensors |= {f"{case}/y": y.detach(), f"{case}/dy": dy}


def make_attention(tensors):
    attention = lambda bias=True: settle(nn.MultiheadAttention(WIDTH, HEADS, bias=bias, batch_first=True))
    itself = lambda module, x: module(x, x, x, need_weights=False)[0]
    causal = lambda module, x: module(x, x, x, need_weights=False, attn_mask=future)[0]
    future = torch.ones(TIME, TIME, dtype=torch.bool).triu(1)
    padded = lambda module, x, memory: module(
        x, memory, memory, need_weights=False, key_padding_mask=padding(MEMORY_LENGTHS, MEMORY)
    )[0]
    across = lambda module, x, memory: module(x, memory, memory, need_weights=False)[0]
    record(tensors, "attention", attention(), itself, x=draw(BATCH, TIME, WIDTH))
    record(tensors, "attention_causal", attention(bias=False), causal, x=draw(BATCH, TIME, WIDTH))
    memory = draw(BATCH, MEMORY, WIDTH)
    record(tensors, "attention_across", attention(), across, x=draw(BATCH, TIME, WIDTH), memory=memory.clone())
    record(tensors, "attention_padded", attention(bias=False), padded, x=draw(BATCH, TIME, WIDTH), memory=memory.clone())


def make_blocks(tensors):
    activations = {"relu": "relu", "gelu": "gelu", "gelu_tanh": lambda x: F.gelu(x, approximate="tanh")}
    common = dict(dim_feedforward=HIDDEN, dropout=0.0, batch_first=True)
    encode = lambda block, x: block(x, src_key_padding_mask=padding(LENGTHS, TIME))
    decode = lambda block, x, memory: block(
        x,
        memory,
        tgt_mask=torch.full((TIME, TIME), -math.inf, dtype=torch.float64).triu(1),
        memory_mask=padding(MEMORY_LENGTHS, MEMORY)[:, None, :].expand(BATCH, TIME, MEMORY).repeat_interleave(HEADS, 0),
    )
    for position, activation, bias in [
        ("pre", "relu", True),
        ("post", "gelu", True),
        ("pre", "gelu_tanh", False),
        ("post", "relu", False),
    ]:
        options = common | dict(activation=activations[activation], norm_first=position == "pre", bias=bias)
        encoder = settle(nn.TransformerEncoderLayer(WIDTH, HEADS, **options))
        record(tensors, f"encoder_{position}_{activation}", encoder, encode, x=draw(BATCH, TIME, WIDTH))
    for position, activation in [("pre", "gelu"), ("post", "relu")]:
        options = common | dict(activation=activations[activation], norm_first=position == "pre")
        decoder = settle(nn.TransformerDecoderLayer(WIDTH, HEADS, **options))
        x, memory = draw(BATCH, TIME, WIDTH), draw(BATCH, MEMORY, WIDTH)
        record(tensors, f"decoder_{position}_{activation}", decoder, decode, x=x, memory=memory)


def bucket(distance, bidirectional):
    """The buckets of T5, as Hugging Face's T5Attention._relative_position_bucket computes them, float32 included."""
    buckets, first = BUCKETS, torch.zeros_like(distance)
    if bidirectional:
        buckets //= 2
        first = (distance > 0) * buckets
        distance = distance.abs()
    else:
        distance = -distance.clamp(max=0)
    exact = buckets // 2
    share = torch.log(distance.float() / exact) / math.log(MAX_DISTANCE / exact)
    far = exact + (share * (buckets - exact)).long()
    return first + torch.where(distance < exact, distance, far.clamp(max=buckets - 1))


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(4)
    tensors = {}
    make_attention(tensors)
    make_blocks(tensors)
    norm = settle(nn.RMSNorm(WIDTH, eps=1e-5))
    record(tensors, "rms_norm", norm, lambda module, x: module(x), x=draw(BATCH, TIME, WIDTH))
    distances = torch.arange(-FARTHEST, FARTHEST + 1)
    tensors["buckets/both"], tensors["buckets/past"] = bucket(distances, True), bucket(distances, False)
    path = HERE / "transformer.safetensors"
    save_file({name: value.contiguous() for name, value in tensors.items()}, path)
    print(f"{path.name}: {path.stat().st_size} bytes")
