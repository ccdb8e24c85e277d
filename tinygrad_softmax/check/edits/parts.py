"""What edits of a formula are made with: an op in place of another, sums, products, and words.

Imports the expressions of `symbolic`.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

from ...core.op import Op
from ...ops import indexing
from ...ops.reductions import sum as summed
from ...symbolic.evaluate import ordered, substituted
from ...symbolic.exponentials import kind
from ...symbolic.expr import Expr, World
from ...symbolic.terms import LINEAR, PRODUCT, is_number
from .places import INNER, OUTER, TERM

Text = Callable[[Expr], str]


class Change(NamedTuple):
    """What replaces one op of a formula, and why; the smaller the rank, the more usual."""

    cause: str
    sentence: str
    replacement: Expr
    rank: int = 1


class Shop:
    """Where the parts of edits are made.

    Parameters
    ----------
    world : World
        The world of the formulas.
    text : callable
        Says an expression by the user's names.
    values : list of Expr
        The named arrays that could be mixed up.
    upstream : set of str
        The labels that stand for gradients.
    incoming : callable
        Says an expression that carries the gradient: by name, and what it is.
    """

    def __init__(self, world: World, text: Text, values: list[Expr], upstream: set[str],
                 incoming: Callable[[Expr], str | None] = lambda _: None) -> None:  # fmt: skip
        self.world, self._text = world, text
        self.tokens: dict[Any, str] = {}
        self.later: list[Callable[[], str]] = []
        self.values, self.upstream, self._incoming = values, upstream, incoming
        self.places: dict[Expr, int] = {}

    def text(self, e: Expr) -> str:
        """Return a token for how an expression is said: most edits are never spoken of."""
        return self._token(e, lambda: self._text(e))

    def _token(self, key: Any, say: Callable[[], str]) -> str:
        if key not in self.tokens:
            self.tokens[key] = f"\0{len(self.later)}\0"
            self.later.append(say)
        return self.tokens[key]

    def factor(self, e: Expr) -> str:
        """Return a token for a factor: the incoming gradient by name, or what else it is."""

        def say() -> str:
            return self._incoming(e) or f"the factor `{self._text(e)}`"

        return self._token(("factor", e), say)

    def said(self, sentence: str) -> str:
        """Return a sentence with words for the tokens in it."""
        while "\0" in sentence:
            before, number, after = sentence.split("\0", 2)
            sentence = before + self.later[int(number)]() + after
        return sentence

    def carries(self, e: Expr) -> bool:
        """Whether an expression is made of an incoming gradient."""
        return any(part.op is None and part.label in self.upstream for part in ordered([e]))

    def linear(self, terms: dict[Expr, Any], like: Expr) -> Expr:
        """Return a sum of terms with coefficients."""
        if not terms:
            return self.world.lift(0)
        return self.world.make(LINEAR, tuple(terms), (("coefs", tuple(terms.values())),),
                               like.shape)  # fmt: skip

    def product(self, factors: dict[Expr, Fraction], like: Expr) -> Expr:
        """Return a product of powers."""
        if not factors:
            return self.world.lift(1)
        return self.world.make(PRODUCT, tuple(factors), (("exps", tuple(factors.values())),),
                               like.shape)  # fmt: skip

    def op(self, op: Any, args: tuple[Expr, ...], settings: Any) -> Expr:
        """Return an op on operands."""
        shape = op.shape(*(arg.shape for arg in args), **dict(settings))
        return self.world.make(op, args, settings, shape)

    def like(self, node: Expr, args: tuple[Expr, ...]) -> Expr:
        """Return the same op on other operands."""
        return self.world.make(node.op, args, node.settings, node.shape)

    def sum(self, x: Expr, axis: int) -> Expr:
        """Return a sum along one axis that stays, with size 1."""
        settings = (("axis", (axis - len(x.shape),)), ("dtype", None), ("keepdims", True))
        return self.op(summed, (x,), settings)

    def by_place(self, node: Expr) -> tuple[str, str, str]:
        """Return what is said of an op at this place: missing, of a wrong size, of a wrong sign."""
        where = self.places.get(node, OUTER)
        if where == INNER:
            return "local_slope", "local_slope", "local_slope"
        size, sign = (("scaled", "sign"), ("term_scaled", "term_sign"))[where == TERM]
        return size, size, sign

    def term(self, term: Expr, c: Any) -> str:
        """Say a term: what it is, and where it stands if it is at an index only."""
        return self._token((term, c), lambda: self._term(term, c))

    def _term(self, term: Expr, c: Any) -> str:
        scattered = [part for part in _factors(term) if part.op is indexing.scatter]
        if len(scattered) == 1:
            (node,) = scattered
            inside = substituted(term, {node: node.args[0]}, self.world)
            place = self._text(node).partition("](")[0].removeprefix("at") + "]"
            return f"`{self._signed(inside, c)}` at `{place}`"
        return f"`{self._signed(term, c)}`"

    def _signed(self, term: Expr, c: Any) -> str:
        if is_number(term):
            return _plain(float(c) * float(term.value))
        said = self._text(term)
        if abs(c) == 1:
            return said if c > 0 else said.removeprefix("-") if said[0] == "-" else f"-{said}"
        return f"{_plain(float(c))} * {said}"


def _plain(value: float) -> str:
    return f"{value:g}" if value != int(value) else f"{int(value)}"


def _factors(term: Expr) -> tuple[Expr, ...]:
    return term.args if kind(term) in ("product", "linear") else (term,)


def made_op(function: Any, name: str) -> Any:
    """Return an op for formulas with a mistake in them: it is computed, never differentiated."""
    op = Op(function, shape=lambda *shapes, **_: shapes[0], kind=name)
    op.__name__ = name
    return op


def axes_of(node: Expr) -> tuple[int, ...]:
    """Return the axes of a sum, counted from the first."""
    axis, ndim = node.setting("axis"), len(node.args[0].shape)
    return tuple(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,)))
