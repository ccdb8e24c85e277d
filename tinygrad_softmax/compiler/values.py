"""What a compiled step is made of: values, and statements that compute them.

Imports NumPy only. A value knows its shape, type and memory order; a view knows what it looks at.
Names stand for memory, so two values in the same memory are two names of one array.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: Rows at most this short are kept column by column, so that NumPy's inner loops are long.
_SHORT, _MANY = 6, 32


@dataclass(eq=False)
class Value:
    """An array, a view of one, or a scalar.

    Attributes
    ----------
    kind : str
        "input", "array" (computed), "constant" (made with the workspace), or "scalar".
    text : str
        How it is written: a name, or for scalars and views an expression.
    base : Value or None
        What a view looks at, and ``access`` how: ``"{}.T"``.
    number : float or None
        A scalar that is known when the step is compiled.
    rows : int or None
        The axis that is cut into blocks of rows.
    section : str
        Where it is computed: "before" the blocks, in the "rows", or "after" them.
    """

    text: str
    shape: tuple[int, ...]
    dtype: Any
    kind: str = "array"
    base: Value | None = None
    access: str = "{}"
    number: Any = None
    rows: int | None = None
    section: str = "after"
    order: str = "C"
    made: str = ""  # how a constant is made

    @property
    def root(self) -> Value:
        """What owns the memory."""
        return self if self.base is None else self.base.root

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)

    @property
    def is_scalar(self) -> bool:
        """Whether it is a number, which goes with arrays of any shape."""
        return self.kind == "scalar"

    @property
    def weak(self) -> Any:
        """Its type as NumPy's promotion sees it: a Python number has a kind only."""
        if self.is_scalar and self.dtype is None:
            return int if self.text.lstrip("-").isdigit() else float
        return self.dtype


@dataclass(eq=False)
class Statement:
    """One line of a step.

    Attributes
    ----------
    target : Value or None
        What it computes, or changes in place.
    code : str
        A template of the arguments, ``"np.add({0}, {1})"``; with `out`, ``out=target`` is added.
    kind : str
        "out" writes into memory that is there; "fresh" makes its own; "scalar" assigns a number;
        "do" changes `target`; "copy" is left out if the target lies where its operand does;
        "guard" leaves the step if what it says is not so.
    reuse : bool
        Whether the result may take the place of an operand of the same shape.
    """

    target: Value | None
    code: str
    args: tuple[Value, ...]
    kind: str = "out"
    reuse: bool = True
    section: str = "after"

    @property
    def reads(self) -> Iterable[Value]:
        """The memory that it looks at."""
        return (arg.root for arg in self.args)


@dataclass
class Draft:
    """The statements of a step, and what it returns."""

    inputs: dict[str, str]  # what each input is called in the source
    gradients: dict[str, str]  # what each gradient is called there
    taken: set[str]  # every name that means something there
    statements: list[Statement] = field(default_factory=list)
    constants: list[Value] = field(default_factory=list)
    objects: dict[str, Any] = field(default_factory=dict)  # what the source refers to by name
    results: dict[str, Value] = field(default_factory=dict)
    loss: Value | None = None
    totals: list[tuple[Value, Value]] = field(default_factory=list)  # of all blocks, of one
    labels: list[tuple[Value, int]] = field(default_factory=list)  # indices, and into how many


def preferred_order(shape: tuple[int, ...], kept: Iterable[tuple[int, ...]]) -> str:
    """Return "F" for many short rows, "C" for all else; `kept` are shapes that users see."""
    short = len(shape) == 2 and 1 < shape[1] <= _SHORT and shape[0] >= _MANY
    return "F" if short and shape not in kept else "C"


def literal(value: Any) -> str:
    """Return a number as Python writes it."""
    value = float(value)
    return repr(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def scalar(value: Any) -> Value:
    """Return a number that is known."""
    value = float(value)
    text = literal(value) if np.isfinite(value) else f"float('{value}')"
    return Value(text, (), None, "scalar", number=value)


def real(value: Value) -> Value:
    """Return a number so that it is written as one with a point: ``2.0`` makes integers real."""
    if value.number is None or value.weak is float:
        return value
    return Value(repr(value.number), (), None, "scalar", number=value.number)
