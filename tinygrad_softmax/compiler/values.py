"""What a compiled step is made of: pieces of memory, values that lie in them, and statements."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: Rows at most this short are kept column by column, so that NumPy's inner loops are long.
_SHORT, _MANY = 6, 32


@dataclass(eq=False)
class Buffer:
    """A piece of memory.

    Attributes
    ----------
    order : str
        How its entries lie, "C" or "F".
    section : str
        Where it is written: "before" the blocks, in the "rows", or "after" them.
    rows : int or None
        The axis that is cut into blocks of rows.
    returned : bool
        Whether it is handed to the caller, so that each call makes it anew.
    """

    name: str
    shape: tuple[int, ...]
    dtype: Any
    order: str
    section: str
    rows: int | None = None
    returned: bool = False
    live: int = 0  # how many values lie in it that are still needed

    @property
    def key(self) -> Any:
        """Return what must agree for other values to lie here."""
        return (self.shape, self.dtype, self.order, self.section, self.rows)


@dataclass(eq=False)
class Value:
    """An array or a scalar, as it is written.

    Attributes
    ----------
    text : str
        A name or a literal; ``"{}[:, None]"`` for a view of `buffer`.
    buffer : Buffer or None
        What it is a view of, if that is known.
    aliases : tuple of Buffer
        All memory that it may share.
    whole : bool
        Whether it is all of `buffer`, with its entries in their order.
    own : bool
        Whether it can be handed out: it is no view of what others see, and can be written to.
    """

    text: str
    shape: tuple[int, ...]
    dtype: Any
    buffer: Buffer | None = None
    aliases: tuple[Buffer, ...] = ()
    whole: bool = False
    own: bool = True
    number: Any = None
    weak: bool = False
    base: str = ""  # the variable that it is, or is a view of, if it lies in no buffer

    @property
    def size(self) -> int:
        """Return the number of entries."""
        return math.prod(self.shape)

    @property
    def order(self) -> str:
        """Return how its entries lie, "C" or "F", or nothing if that is not known."""
        if self.buffer is None or not self.whole:
            return ""
        return self.buffer.order


@dataclass(eq=False)
class Statement:
    """One line of a step: `code` with the texts of `args`, writing to `out`."""

    code: str
    args: tuple[Value, ...]
    section: str
    out: Value | None = None


@dataclass
class Draft:
    """All that is needed to write a step."""

    inputs: dict[str, str]  # what each input is called in the source
    statements: list[Statement] = field(default_factory=list)
    constants: dict[str, tuple[str, bool]] = field(default_factory=dict)  # made once; per block?
    objects: dict[str, Any] = field(default_factory=dict)  # what the source refers to by name
    buffers: list[Buffer] = field(default_factory=list)
    totals: list[tuple[Value, Value]] = field(default_factory=list)  # of all blocks, of one
    sliced: dict[str, int] = field(default_factory=dict)  # inputs and constants cut, by name
    variables: dict[str, str] = field(default_factory=dict)  # name -> section that computes it
    loss: Value | None = None
    results: dict[str, Value] = field(default_factory=dict)


def preferred_order(shape: tuple[int, ...]) -> str:
    """Return "F" for many short rows, "C" for all else."""
    short = len(shape) == 2 and 1 < shape[1] <= _SHORT and shape[0] >= _MANY
    return "F" if short else "C"


def long_axis(shape: tuple[int, ...], rows: int | None = None) -> int | None:
    """Return the only axis with more than one entry, if there is not more than one."""
    found = [i for i, n in enumerate(shape) if n != 1 or i == rows]
    return None if len(found) > 1 or len(shape) < 2 else (found[0] if found else 0)


def literal(value: Any) -> str | None:
    """Return a number as Python writes it; None if it has no literal."""
    if isinstance(value, (bool, int)) or (isinstance(value, float) and np.isfinite(value)):
        text = repr(value)
        return f"({text})" if text[0] == "-" else text
    return None
