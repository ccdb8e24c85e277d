"""What the manual says of other libraries at ties and kinks is what they answer.

Each is asked where it is installed; the column of this library is always looked at.
"""

import re
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

import tinygrad_softmax

PAGE = Path(__file__).parents[2] / "docs" / "conventions.md"
#: Where each function of the table is asked: the arguments, each an array.
POINTS = {
    "maximum(x, y)": ([1.0], [1.0]),
    "maximum(0, x)": ([0.0],),
    "relu(x)": ([0.0],),
    "clip(x, 0, 1)": ([0.0, 1.0],),
    "max(x)": ([2.0, 2.0],),
    "sort(x)[0]": ([1.0, 1.0],),
    "abs(x)": ([0.0],),
    "x**0": ([0.0],),
    "prod(x)": ([0.0, 2.0],),
    "sqrt(x)": ([0.0],),
    "norm(x)": ([0.0, 0.0],),
    "std(x)": ([1.0, 1.0],),
}


def table():
    """Return the rows of the page's last table, by name of the column."""
    _, _, section = PAGE.read_text("utf-8").partition("## Compared with other libraries")
    rows = [
        [cell.strip().strip("`") for cell in line.split("|")[1:-1]]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    head, _, *body = rows
    return [dict(zip(["function", *head[1:]], row, strict=True)) for row in body]


def numpy_like(np, relu):
    """Return the names of the table, for a library that has NumPy's own."""
    names = ("maximum", "clip", "max", "sort", "abs", "prod", "sqrt", "std")
    return {name: getattr(np, name) for name in names} | {"norm": np.linalg.norm, "relu": relu}


def here(function, arrays):
    return tinygrad_softmax.grad(
        lambda *args: np.sum(function(numpy_like(np, tinygrad_softmax.relu), *args)),
        wrt=tuple(range(len(arrays))),
    )(*map(np.array, arrays))


def by_jax(function, arrays):
    jax = pytest.importorskip("jax")
    names = numpy_like(jax.numpy, jax.nn.relu)
    return jax.grad(
        lambda *args: jax.numpy.sum(function(names, *args)), argnums=tuple(range(len(arrays)))
    )(*map(jax.numpy.array, arrays))


def by_torch(function, arrays):
    torch = pytest.importorskip("torch")
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    names = {
        "maximum": lambda x, y: torch.maximum(*map(torch.as_tensor, (x, y))),
        "sort": lambda x: torch.sort(x).values,
        "std": lambda x: torch.std(x, correction=0),
        "max": torch.amax,
        "norm": torch.linalg.norm,
    } | {name: getattr(torch, name) for name in ("relu", "clip", "abs", "prod", "sqrt")}
    function(names, *tensors).sum().backward()
    return [tensor.grad for tensor in tensors]


def by_autograd(function, arrays):
    autograd = pytest.importorskip("autograd")
    names = numpy_like(pytest.importorskip("autograd.numpy"), None)
    return autograd.grad(
        lambda *args: autograd.numpy.sum(function(names, *args)),
        argnum=tuple(range(len(arrays))),
    )(*map(np.array, arrays))


ASKED = {"here": here, "JAX": by_jax, "PyTorch": by_torch, "autograd": by_autograd}


def said(gradients):
    """Write gradients as the table does."""
    numbers = np.concatenate([np.ravel(np.asarray(g)) for g in gradients])
    words = {"inf": "infinite", "nan": "NaN"}
    return ", ".join(words.get(f"{number:g}", f"{number + 0:g}") for number in numbers)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("library", ASKED)
def test_a_library_answers_as_the_manual_says(library):
    column = next(name for name in table()[0] if name.startswith(library))
    if " " in column:
        name, stated = column.split(" ")
        package = pytest.importorskip({"PyTorch": "torch"}.get(name, name.lower())).__name__
        if version(package).partition("+")[0] != stated:
            pytest.skip(f"the manual speaks of {column}, installed is {version(package)}")
    for row in table():
        if not row[column]:
            continue
        names = sorted(set(re.findall(r"[a-z]{3,}", row["function"])))
        source = f"lambda names, x, y=None: {row['function']}"
        for name in names:
            source = source.replace(f" {name}(", f" names[{name!r}](")
        with np.errstate(all="ignore"):
            answer = said(ASKED[library](eval(source), POINTS[row["function"]]))
        assert answer == row[column], row["function"]
