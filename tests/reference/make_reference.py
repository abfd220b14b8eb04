"""Makes the numbers that Gradus is compared with: PyTorch evaluates every case of the table of ops.

    pip install torch numpy safetensors
    make reference

The table stands in tests/ops/table_*.cpp. For each family the tests write build/ops_FAMILY.cases.safetensors: each
case's inputs a, b, c, ..., the gradient dy that arrives at its result, and, as text, the PyTorch expression. This script
evaluates the expression and goes backward, in float64, and writes the result and the gradients da, db, dc, ... to
ops_FAMILY.safetensors beside it. README.md in this directory says what the other files hold.
"""

import math
import sys
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file

HERE = Path(__file__).parent


def evaluate(expression, inputs, dy):
    """The value of one case, and the gradients of sum(dy * value) with respect to its inputs."""
    leaves = {name: value.requires_grad_() for name, value in inputs.items()}
    y = eval(expression, {"torch": torch, "F": F, "math": math, "inf": math.inf, "nan": math.nan}, leaves)
    if dy is None:
        return {"y": y}
    assert y.shape == dy.shape, f"{expression} has shape {list(y.shape)}, Gradus' result {list(dy.shape)}"
    gradients = [None] * len(leaves)
    if y.requires_grad:
        gradients = torch.autograd.grad(y, list(leaves.values()), dy, allow_unused=True)
    result = {"y": y}
    for (name, leaf), gradient in zip(leaves.items(), gradients):
        result["d" + name] = torch.zeros_like(leaf) if gradient is None else gradient
    return result


def make_ops(cases, path):
    """One family of the table. The fingerprint of each case is handed through, so that the tests can tell old numbers."""
    tensors = {}
    with safe_open(cases, framework="pt") as file:
        names, cases = sorted(file.keys()), sorted((file.metadata() or {}).items())
        for case, text in cases:
            fingerprint, expression = text.split(" ", 1)
            given = {name.split("/")[1]: file.get_tensor(name) for name in names if name.split("/")[0] == case}
            dy = given.pop("dy", None)
            try:
                result = evaluate(expression, given, dy)
            except Exception as error:
                sys.exit(f"{case}: {expression}: {error}")
            result["fingerprint"] = torch.tensor(int(fingerprint))
            for name, value in result.items():
                tensors[f"{case}/{name}"] = value.detach().contiguous().clone()
    save_file(tensors, path)
    print(f"{path.name}: {len(cases)} cases, {path.stat().st_size} bytes")


if __name__ == "__main__":
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # the variance of a single number is asked for on purpose
    for cases in map(Path, sys.argv[1:]):
        make_ops(cases, HERE / cases.name.replace(".cases", ""))
