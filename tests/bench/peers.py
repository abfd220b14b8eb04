"""The libraries that Gradus is measured against, each at its best: training steps of two GPTs, and attention.

    pip install torch numpy
    python tests/bench/peers.py                     one thread and two, each in a process of its own
    python tests/bench/peers.py --job gpt2 --threads 2 --steps 8

The jobs are nanoGPT's CPU configuration (4 layers, 4 heads, width 128, context 64, batch 12, vocabulary 65, no biases)
and GPT-2 124M (12 layers, 12 heads, width 768, 64 tokens of a context of 1024, batch 4, vocabulary 50257, biases), both
with tied embeddings, AdamW and gradient clip 1.0. A step is: clear the gradients, forward, loss, backward, clip, update.
The batch stays the same; drawing it is not timed. Run it on an idle machine.

`make bench` runs one job and one number of threads, and reads the line that begins with "steps": peak memory in MiB, then
the seconds of each step. `--job attention` times a causal scaled_dot_product_attention of 12 heads of 64, forward and
backward.
"""

import argparse
import math
import resource
import statistics
import subprocess
import sys
import time
from types import SimpleNamespace

GPTS = {
    "nanogpt": SimpleNamespace(layers=4, heads=4, width=128, context=64, vocab=65, bias=False, batch=12, time=64),
    "gpt2": SimpleNamespace(layers=12, heads=12, width=768, context=1024, vocab=50257, bias=True, batch=4, time=64),
}


def pytorch_step(gpt, threads):
    """PyTorch, eager, at its fastest: fused attention, fused AdamW, foreach clipping, gradients set to None."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(threads)
    torch.manual_seed(1337)

    def matrix(rows, columns, std=0.02):
        return (std * torch.randn(rows, columns)).requires_grad_()

    def gain():
        return torch.ones(C, requires_grad=True)

    def bias(size):
        return torch.zeros(size, requires_grad=True) if gpt.bias else None

    B, T, C, residual = gpt.batch, gpt.time, gpt.width, 0.02 / math.sqrt(2 * gpt.layers)
    token_embedding, position_embedding = matrix(gpt.vocab, C), matrix(gpt.context, C)
    # Each layer as the arguments of F.layer_norm or F.linear that follow the input.
    blocks = [
        (
            ((C,), gain(), bias(C)),
            (matrix(3 * C, C), bias(3 * C)),
            (matrix(C, C, residual), bias(C)),
            ((C,), gain(), bias(C)),
            (matrix(4 * C, C), bias(4 * C)),
            (matrix(C, 4 * C, residual), bias(C)),
        )
        for _ in range(gpt.layers)
    ]
    final_norm = ((C,), gain(), bias(C))
    layers = [(token_embedding, position_embedding), final_norm, *(layer for block in blocks for layer in block)]
    parameters = [p for layer in layers for p in layer if isinstance(p, torch.Tensor)]

    def loss_of(tokens, target):
        x = F.embedding(tokens, token_embedding) + position_embedding[:T]  # (B, T, C)
        for norm1, in_proj, out_proj, norm2, fc1, fc2 in blocks:
            qkv = F.linear(F.layer_norm(x, *norm1), *in_proj).view(B, T, 3, gpt.heads, C // gpt.heads)
            q, k, v = (part.transpose(1, 2) for part in qkv.unbind(2))  # each (B, H, T, D)
            heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + F.linear(heads.transpose(1, 2).reshape(B, T, C), *out_proj)
            x = x + F.linear(F.gelu(F.linear(F.layer_norm(x, *norm2), *fc1), approximate="tanh"), *fc2)
        logits = F.linear(F.layer_norm(x, *final_norm), token_embedding)
        return F.cross_entropy(logits.view(-1, gpt.vocab), target.view(-1))

    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": 0.1},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=True)
    tokens, target = torch.randint(gpt.vocab, (2, B, T))

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss_of(tokens, target).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
        optimizer.step()

    return f"PyTorch {torch.__version__}", step


def measure_steps(job, threads, steps):
    """Times `steps` steps after a warm-up and prints a line for people and one for `make bench`."""
    name, step = pytorch_step(GPTS[job], threads)
    for _ in range(2 + steps // 10):
        step()
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # Linux counts in KiB
    print(
        f"{name}, {job}, {threads} thread{'s' if threads > 1 else ''}: median {1e3 * statistics.median(times):.2f} ms, "
        f"min {1e3 * min(times):.2f} ms a step, peak memory {memory} MiB"
    )
    print("steps", memory, *times, flush=True)


def time_attention(threads, sizes, heads=12, width=64, seconds=1.5):
    """PyTorch's causal scaled_dot_product_attention, forward and backward: for each size BxT a line
    `attention B T best-milliseconds`."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(threads)
    for batch, length in (map(int, size.split("x")) for size in sizes):
        q, k, v = (torch.randn(batch, heads, length, width, requires_grad=True) for _ in range(3))
        gradient, best = torch.randn(batch, heads, length, width), math.inf
        begin, trials = time.perf_counter(), 0
        while trials < 4 or time.perf_counter() - begin < seconds:
            start = time.perf_counter()
            F.scaled_dot_product_attention(q, k, v, is_causal=True).backward(gradient)
            best = min(best, time.perf_counter() - start)
            q.grad = k.grad = v.grad = None
            trials += 1
        print(f"attention {batch} {length} {1e3 * best:.4f}", flush=True)


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Times what Gradus does in other libraries.")
    parser.add_argument("--job", choices=[*GPTS, "attention"], default="nanogpt")
    parser.add_argument("--steps", type=positive, default=100)
    parser.add_argument("--threads", type=positive, help="default: one run with 1 and one with 2")
    parser.add_argument("--sizes", nargs="+", default=["1x64"], help="of attention: batch x length, as in 1x64 4x64")
    options = parser.parse_args()
    if options.job == "attention":
        time_attention(options.threads or 1, options.sizes)
    elif options.threads:
        measure_steps(options.job, options.threads, options.steps)
    else:  # a fresh process each: a thread pool keeps its size and peak memory never falls
        for threads in ("1", "2"):
            command = [sys.executable, __file__, "--job", options.job, "--steps", str(options.steps)]
            subprocess.run([*command, "--threads", threads], check=True)
