"""Print the page of the vocabulary: ``python docs/vocabulary.py > docs/vocabulary.md``.

Every NumPy function that is understood on a Tensor, every op with the sentences of its rules, and
every function that is composed from ops.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from typing import Any

import numpy as np

from tinygrad_softmax import ops
from tinygrad_softmax.core.dispatch import _ACCUMULATE, _REDUCE, full_name
from tinygrad_softmax.core.op import NUMPY, Op
from tinygrad_softmax.core.tensor import _LOOK, _astype, _getitem

GROUPS = {
    "Elementwise functions": ops.elementwise,
    "Choices and comparisons": ops.choices,
    "Indexing": ops.indexing,
    "Reductions, order statistics, differences": ops.reductions,
    "Shapes and arrangement": ops.shaping,
    "Products and linear algebra": ops.linalg,
}
RULE, COMPOSED, PLAIN, LOOKS = "rule", "composed", "plain array", "looks"
#: What is spelt otherwise than as a function of NumPy.
SPELT = {_getitem: "x[...]", _astype: "x.astype"}
#: Known only to be refused with a better message.
REFUSED = {np.copyto}
#: Functions of ours that return a shape or a number.
SHAPES = {np.shape, np.ndim, np.size}

HEAD = """# Vocabulary

What is understood on a `Tensor`, with NumPy {version}. This page is made from the code, by
`python docs/vocabulary.py`; a test compares the two. A NumPy function that is not here raises
{{class}}`~tinygrad_softmax.NoRuleError`, and can be [added](ops.md).

There are {functions} functions under {names} names, of four kinds:

- **rule**: there is an op of this name with gradient rules of its own.
- **composed**: written in terms of ops with rules, so the gradient follows from theirs.
- **plain array**: piecewise constant. The result is a plain array, and no gradient passes.
- **looks**: only reads values, shapes or types. The result is a plain array or a number.

Names that mean the same function follow in parentheses: NumPy's own aliases, such as those of the
array API standard (`np.acos` is `np.arccos`), and functions that are treated alike (`np.amax`,
`np.fix`).

Methods of ufuncs: {methods}, and `.outer` of every ufunc of two operands. Operators and the
methods of `Tensor` call the same functions.
"""


def names(function: Any) -> list[str]:
    """Return the names that a NumPy function has, the usual one first."""
    usual = SPELT.get(function) or full_name(function)
    others = [
        f"{prefix}.{name}"
        for prefix, module in (("np", np), ("np.linalg", np.linalg))
        for name in sorted(vars(module))
        if vars(module)[name] is function
    ]
    return list(dict.fromkeys([usual, *others]))


def home(target: Any) -> Any:
    """Return the module in which what stands for a function was written."""
    return sys.modules[(target.forward if isinstance(target, Op) else target).__module__]


def kind(function: Any, target: Any) -> str:
    """Say how a function is understood."""
    if function in SHAPES:
        return LOOKS
    if isinstance(target, Op):
        return PLAIN if target.piecewise_constant else RULE
    own = {op.__name__ for op in ops.VOCABULARY if op.rules}
    return RULE if function in SPELT or function.__name__ in own else COMPOSED


def alike() -> list[list[Any]]:
    """Return the NumPy functions for which there is a function of ours, grouped by that."""
    same: dict[int, list[Any]] = {}
    for function, target in NUMPY.items():
        if function in REFUSED:
            continue
        same.setdefault(id(target), []).append(function)
    return [*same.values()]


def understood() -> dict[str, dict[str, list[list[str]]]]:
    """Return every function by group and kind, each with all its names."""
    found: dict[str, dict[str, list[list[str]]]] = {}
    for functions in alike():
        first, target = functions[0], NUMPY[functions[0]]
        group = next(title for title, module in GROUPS.items() if home(target) is module)
        place = found.setdefault(group, {}).setdefault(kind(first, target), [])
        place.append([name for function in functions for name in names(function)])
    looking = found.setdefault("Values, shapes and types", {}).setdefault(LOOKS, [])
    looking += found["Shapes and arrangement"].pop(LOOKS)
    looking += sorted(map(names, _LOOK))
    return found


def table(kinds: dict[str, list[list[str]]]) -> str:
    """Return a table of one group."""
    rows = ["| | |", "|---|---|"]
    for title in (RULE, COMPOSED, PLAIN, LOOKS):
        if title in kinds:
            shown = [
                f"`{first}`" + (f" ({', '.join(f'`{name}`' for name in others)})" if others else "")
                for first, *others in sorted(kinds[title])
            ]
            rows.append(f"| {title} | {', '.join(shown)} |")
    return "\n".join(rows)


def entry(op: Op) -> str:
    """Return an op's entry: signature, what it computes, why its gradients."""
    stars = "*" if op.variadic else ""
    signature = f"`{op.__name__}({', '.join((*(stars + n for n in op.argnames), *op.settings))})`"
    sentences: dict[str, list[str]] = {}
    for name, rule in op.rules.items():
        sentences.setdefault(" ".join(rule.sentence.split()), []).append(f"`{name}`")
    reasons = [f"{', '.join(names)}: {why}" for why, names in sentences.items()]
    return "\n  - ".join([f"- {signature}: {text(op)}", *reasons])


def text(function: Any) -> str:
    """Return the first sentence of a docstring, in one line."""
    return " ".join((function.__doc__ or "").partition("\n\n")[0].split()).replace("``", "`")


def composed(function: Any, target: Any) -> str:
    """Return a composed function's entry: which arguments it takes, and what it computes."""
    parameters = inspect.signature(target).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):  # handed on to NumPy
        parameters = inspect.signature(function).parameters.values()
    marks = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    taken = ", ".join(marks.get(p.kind, "") + p.name for p in parameters)
    title, what = f"- `{full_name(function)}({taken})`", text(target)
    if what.startswith("`np."):
        what = what.partition(": ")[2].capitalize()
    return f"{title}: {what}" if what else title


def page() -> str:
    """Return the whole page."""
    found = understood()
    functions = [each for kinds in found.values() for group in kinds.values() for each in group]
    methods = [
        f"`{full_name(ufunc)}.{method}`"
        for method, known in (("reduce", _REDUCE), ("accumulate", _ACCUMULATE))
        for ufunc in known
    ]
    head = HEAD.format(
        version=".".join(np.__version__.split(".")[:2]), functions=len(functions),
        names=sum(map(len, functions)), methods=", ".join(methods),
    )  # fmt: skip
    *most, last = head.split("\n\n")
    parts = ["\n\n".join([*most, textwrap.fill(last, 100)]) + "\n"]
    for title, kinds in found.items():
        parts.append(f"## {title}\n\n{table(kinds)}\n")
        module = GROUPS.get(title)
        mine = [op for op in ops.VOCABULARY if home(op) is module and op.rules]
        if mine:
            parts.append("**Ops and their rules**\n\n" + "\n".join(map(entry, mine)) + "\n")
        written = [
            composed(first, NUMPY[first])
            for first, *_ in alike()
            if kind(first, NUMPY[first]) == COMPOSED and home(NUMPY[first]) is module
        ]
        if written:
            parts.append("**Composed**\n\n" + "\n".join(written) + "\n")
    parts.append(
        "## Softmax and its relatives\n\nComposed as well, and described in the "
        "[reference](reference.md#softmax-and-its-relatives):\n\n"
        + "\n".join(
            f"- `{name}`: {text(getattr(ops.softmax, name))}" for name in ops.softmax.__all__
        )
        + "\n"
    )
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(page())
