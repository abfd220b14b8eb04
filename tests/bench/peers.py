""
    "The libraries that Gradus is measured against, each at its best, on one job: a training step of a tiny GPT.

    pip install torch numpy python tests /
    bench / peers.py one thread and two,
    each in a process of its own python tests / bench /
        peers.py-- threads 2 --steps 200

        The job is
            nanoGPT's CPU configuration: 4 layers, 4 heads, width 128, context 64, batch 12, vocabulary 65, no biases, tied
                embeddings,
    AdamW, gradient clip 1.0. A step is : clear the gradients,
                                          forward,
                                          loss,
                                          backward,
                                          clip,
                                          update.The batch stays the same; drawing it is not timed. Run it on an idle machine.
"""

import argparse
import math
import resource
import statistics
import subprocess
import sys
import time

LAYERS, HEADS, WIDTH, CONTEXT, BATCH, VOCAB = 4, 4, 128, 64, 12, 65


def pytorch_step(threads):
    """PyTorch, eager, at its fastest: fused attention, fused AdamW, foreach clipping, gradients set to None."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(threads)
    torch.manual_seed(1337)

    def matrix(rows, columns, std=0.02):
        return (std * torch.randn(rows, columns)).requires_grad_()

    def gain():
        return torch.ones(WIDTH, requires_grad=True)

    C, residual = WIDTH, 0.02 / math.sqrt(2 * LAYERS)
    token_embedding, position_embedding = matrix(VOCAB, C), matrix(CONTEXT, C)
    blocks = [
        (gain(), matrix(3 * C, C), matrix(C, C, residual), gain(), matrix(4 * C, C), matrix(C, 4 * C, residual))
        for _ in range(LAYERS)
    ]
    final_norm = gain()
    parameters = [token_embedding, position_embedding, *(p for block in blocks for p in block), final_norm]

    def loss_of(tokens, target):
        x = F.embedding(tokens, token_embedding) + position_embedding  # (B, T, C)
        for norm1, in_proj, out_proj, norm2, fc1, fc2 in blocks:
            qkv = F.linear(F.layer_norm(x, (C,), norm1), in_proj).view(BATCH, CONTEXT, 3, HEADS, C // HEADS)
            q, k, v = (part.transpose(1, 2) for part in qkv.unbind(2))  # each (B, H, T, D)
            heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + F.linear(heads.transpose(1, 2).reshape(BATCH, CONTEXT, C), out_proj)
            x = x + F.linear(F.gelu(F.linear(F.layer_norm(x, (C,), norm2), fc1), approximate="tanh"), fc2)
        logits = F.linear(F.layer_norm(x, (C,), final_norm), token_embedding)
        return F.cross_entropy(logits.view(-1, VOCAB), target.view(-1))

    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": 0.1},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=True)
    tokens, target = torch.randint(VOCAB, (2, BATCH, CONTEXT))

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss_of(tokens, target).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
        optimizer.step()

    return f"PyTorch {torch.__version__}", step


def attention(threads, sizes, heads=12, width=64, seconds=1.5):
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


PEERS = [pytorch_step]


def measure(peer, threads, steps):
    """Times `steps` steps after a warm-up and prints one line."""
    name, step = peer(threads)
    for _ in range(20):
        step()
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - start))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB
    print(
        f"{name}, {threads} thread{'s' if threads > 1 else ''}: "
        f"median {statistics.median(times):.2f} ms, min {min(times):.2f} ms a step, peak memory {memory:.0f} MiB",
        flush=True,
    )


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Times a GPT training step in other libraries.")
    parser.add_argument("--steps", type=positive, default=200)
    parser.add_argument("--threads", type=positive, help="default: one run with 1 and one with 2")
    parser.add_argument("--job", choices=["step", "attention"], default="step")
    parser.add_argument("--sizes", nargs="+", default=["1x64"], help="of attention: batch x length, as in 1x64 4x64")
    options = parser.parse_args()
    if options.job == "attention":
        attention(options.threads or 1, options.sizes)
    elif options.threads:
        for peer in PEERS:
            measure(peer, options.threads, options.steps)
    else:  # a fresh process each: a thread pool keeps its size and peak memory never falls
        for threads in (1, 2):
            subprocess.run(
                [sys.executable, __file__, "--steps", str(options.steps), "--threads", str(threads)], check=True
            )
