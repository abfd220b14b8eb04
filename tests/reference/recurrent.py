"""Recurrent cells and layers of PyTorch, in float64: state dictionary, inputs, results and gradients.

Of each module M: state M.state.NAME under PyTorch's own names; M.in.x, M.in.h, M.in.c; M.out.y (of a layer), M.out.h,
M.out.c; the gradients M.grad.NAME, M.grad.x, M.grad.h, M.grad.c of the sum over all results r of sum(M.dy.r * r).
States lose the leading axis that PyTorch keeps for the number of the layer.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

BATCH, LENGTH, INPUT, HIDDEN = 3, 7, 5, 11

MODULES = {
    "rnn_cell": torch.nn.RNNCell(INPUT, HIDDEN),
    "lstm_cell": torch.nn.LSTMCell(INPUT, HIDDEN),
    "rnn": torch.nn.RNN(INPUT, HIDDEN, batch_first=True),
    "lstm": torch.nn.LSTM(INPUT, HIDDEN, batch_first=True),
}


def make_recurrent(path):
    generator = torch.Generator().manual_seed(5)
    draw = lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64)
    tensors = {}
    for name, module in MODULES.items():
        module.double()
        cell, memory = name.endswith("cell"), name.startswith("lstm")
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.copy_(0.4 * draw(*parameter.shape))
        given = {"x": draw(BATCH, INPUT) if cell else draw(BATCH, LENGTH, INPUT)}
        for state in "hc" if memory else "h":
            given[state] = draw(BATCH, HIDDEN)
        leaves = {key: value.clone().requires_grad_() for key, value in given.items()}
        start = [leaves[key] if cell else leaves[key][None] for key in leaves if key != "x"]
        result = module(leaves["x"], tuple(start) if memory else start[0])
        if cell:
            results = dict(zip("hc", result if memory else [result]))
        else:
            output, last = result
            results = {"y": output} | {key: value[0] for key, value in zip("hc", last if memory else [last])}
        cotangents = {key: draw(*value.shape) for key, value in results.items()}
        sum((cotangents[key] * value).sum() for key, value in results.items()).backward()
        for key, value in module.state_dict().items():
            tensors[f"{name}.state.{key}"] = value
        for key, value in [*module.named_parameters(), *leaves.items()]:
            tensors[f"{name}.grad.{key}"] = value.grad
        for key, value in given.items():
            tensors[f"{name}.in.{key}"] = value
        for key, value in results.items():
            tensors[f"{name}.out.{key}"] = value.detach()
            tensors[f"{name}.dy.{key}"] = cotangents[key]
    save_file({key: value.contiguous().clone() for key, value in tensors.items()}, path)
    print(f"{path.name}: {len(MODULES)} modules, {path.stat().st_size} bytes")


if __name__ == "__main__":
    make_recurrent(Path(__file__).parent / "recurrent.safetensors")
