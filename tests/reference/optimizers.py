"""Ten steps of each of PyTorch's optimisers, in float64, on given parameters and gradients."""

from pathlib import Path

import torch
from safetensors.torch import save_file

STEPS = 10
RATES = [0.01 * (1 + t % 3) for t in range(STEPS)]

# What both sides construct; tests/optim/reference_test.cpp has the same list.
CASES = {
    "sgd": lambda p: torch.optim.SGD(p),
    "sgd_momentum": lambda p: torch.optim.SGD(p, momentum=0.9, weight_decay=0.1),
    "sgd_nesterov": lambda p: torch.optim.SGD(p, momentum=0.8, nesterov=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p),
    "rmsprop_momentum": lambda p: torch.optim.RMSprop(p, alpha=0.9, eps=0.01, momentum=0.7, weight_decay=0.2),
    "adam": lambda p: torch.optim.Adam(p),
    "adam_decay": lambda p: torch.optim.Adam(p, betas=(0.7, 0.8), eps=0.1, weight_decay=0.3),
    "adamw": lambda p: torch.optim.AdamW([{"params": p[:1]}, {"params": p[1:], "weight_decay": 0}],
                                         betas=(0.9, 0.99), weight_decay=0.1),
}


def make_optimizers(path):
    generator = torch.Generator().manual_seed(3)
    start = {name: torch.randn(shape, generator=generator, dtype=torch.float64)
             for name, shape in {"matrix": (5, 7), "gain": (3,)}.items()}
    tensors = {"param." + name: value for name, value in start.items()}
    sizes = torch.tensor([10.0 ** (t % 4 - 2) for t in range(STEPS)], dtype=torch.float64)  # gradients of all sizes
    for name, value in start.items():
        noise = torch.randn((STEPS, *value.shape), generator=generator, dtype=torch.float64)
        tensors["grad." + name] = noise * sizes.reshape(-1, *[1] * value.dim())
    for case, make in CASES.items():
        parameters = {name: value.clone().requires_grad_() for name, value in start.items()}
        optimizer = make(list(parameters.values()))
        for t in range(STEPS):
            for group in optimizer.param_groups:
                group["lr"] = RATES[t]
            for name, parameter in parameters.items():
                parameter.grad = tensors["grad." + name][t].clone()
            optimizer.step()
        for name, parameter in parameters.items():
            tensors[f"after.{case}.{name}"] = parameter.detach()
    save_file(tensors, path)
    print(f"{path.name}: {len(CASES)} optimisers, {path.stat().st_size} bytes")


if __name__ == "__main__":
    make_optimizers(Path(__file__).parent / "optimizers.safetensors")
