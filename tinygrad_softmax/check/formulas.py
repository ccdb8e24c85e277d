"""The right gradient of a loss, as formulas and as numbers at fresh points.

Imports `symbolic`. Each gradient is had in several forms, since a person may have written any of
them: by the chain rule from the gradients that the person computed, in closed form, as the derived
function has it, and down to the inputs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import ShapeError
from ..core.reverse import contribution, order
from ..ops import indexing
from ..symbolic import derive
from ..symbolic.algebra import Algebra
from ..symbolic.align import expanded
from ..symbolic.evaluate import evaluate, ordered, substituted
from ..symbolic.expr import Expr
from ..symbolic.inputs import fresh
from ..symbolic.laws import LAWS
from ..symbolic.simplify import Simplifier
from ..symbolic.spoken import Spoken
from ..symbolic.terms import is_number
from ..symbolic.text import Writer
from .decimals import plain_numbers
from .points import double, lively, of_kind
from .values import Values

_POINTS = 3
_LARGEST = 9
#: A variable that is bound so often is that of a loop.
_MOST_TURNS = 4


class Point(NamedTuple):
    """Inputs, and everything that the loss and its gradient make of them, by name."""

    inputs: dict[str, Any]
    numbers: dict[str, Any]


class Formulas:
    """A loss that could be derived."""

    def __init__(self, loss: Callable[..., Any], wrt: tuple[str, ...],
                 given: Mapping[str, Any], resized: bool = True) -> None:  # fmt: skip
        given = {n: lively(value) if n in wrt else double(value) for n, value in given.items()}
        derivation = derive(loss, wrt, **given)
        self.chain, self.program = derivation.chain, derivation.program
        self.trace = derivation.trace
        self.spoken = Spoken(derivation.chain, derivation.presenter)
        self.nodes = {str(leaf.label): e for e, leaf in self.spoken.leaves.items()}
        for name in given:
            if name[:1] == "d" and self.nodes.get(name[1:]) in self.chain.raw:
                raise ValueError(
                    f"the input {name} is called as the gradient of {name[1:]} is: rename the input"
                )
        self.picked, self._made = self._picked(), dict[str, Expr]()
        seeds = range(501, 501 + _POINTS)
        drawn = [fresh(dict(given), self.trace, seed, _LARGEST, resized) for seed in seeds]
        self.points = [self.point({n: of_kind(value, given[n]) for n, value in point.items()})
                       for point in drawn]  # fmt: skip

    def _picked(self) -> dict[str, Expr]:
        """Return what is picked by index from named values, as formulas name it."""
        writer = Writer(self.spoken.presenter.algebra)
        writer.names = {e: str(leaf.label) for e, leaf in self.spoken.leaves.items()}
        picks = [e for e in ordered([self.trace.output]) if e.op is indexing.getitem
                 and e not in self.spoken.leaves and e.args[0] in self.spoken.leaves]  # fmt: skip
        return {ast.unparse(ast.fix_missing_locations(writer.write(e))): e for e in picks}

    def text(self, e: Expr) -> str:
        """Say a formula by the user's names, simple fractions as such."""
        try:
            text = plain_numbers(self.spoken.text(e))
            return re.sub(r"np\.sum\((\w+), axis=0, keepdims=True\)", self._whole_sum, text)
        except ShapeError:  # a part of a formula may have no place among the names
            return plain_numbers(ast.unparse(ast.fix_missing_locations(
                Writer(self.spoken.tidy).write(e))))  # fmt: skip

    def _whole_sum(self, match: re.Match[str]) -> str:
        """Write the sum over a vector without its axis."""
        value = self.nodes.get(match[1])
        is_vector = value is not None and len(value.shape) == 1
        return f"np.sum({match[1]})" if is_vector else match[0]

    def point(self, inputs: dict[str, Any]) -> Point:
        """Compute every named value and gradient at some inputs."""
        numbers = {n: v for n, v in inputs.items() if n in self.trace.inputs}
        numbers |= {label: np.shape(inputs[name])[axis]
                    for label, (name, axis) in self.trace.sizes.items()}  # fmt: skip
        values = [e for e in self.nodes.values() if e.op is not None]
        for e, value in zip(values, evaluate(values, numbers), strict=True):
            numbers[str(self.spoken.leaves[e].label)] = value
        raw = self.chain.raw
        slopes = [e for e in self.nodes.values() if e in raw]
        for e, g in zip(slopes, evaluate([raw[e] for e in slopes], numbers), strict=True):
            value = numbers[str(self.spoken.leaves[e].label)]
            numbers[f"d{self.spoken.leaves[e].label}"] = np.broadcast_to(g, np.shape(value))
        for name, e in (*self.program.values.items(), *self.picked.items()):
            numbers.setdefault(name, evaluate([e], numbers)[0])
        for name, form in self.program.forms.items():
            numbers.setdefault(name, evaluate([form], numbers)[0])
        return Point(inputs, numbers)

    def loss(self, point: Point) -> Any:
        """Return the loss at a point."""
        return evaluate([self.trace.output], dict(point.numbers))[0]

    def scalars(self, point: Point) -> dict[str, float]:
        """Return the sizes and single numbers that a factor could be made of."""
        found = {n: v for n, v in point.numbers.items() if np.shape(v) == ()
                 and (n in self.trace.sizes or n in self.trace.inputs)}  # fmt: skip
        return {n: float(v) for n, v in found.items()}

    def backward_order(self) -> list[str]:
        """Return the names whose gradient exists, from the loss back.

        A parameter comes after the last value that it went into, in the order of `wrt`.
        """
        labels, wrt = self.spoken.leaves, self.chain.wrt
        nodes = [e for e in self.chain.raw if e in labels]
        inner = [e.serial for e in nodes if e.op is not None]
        last: dict[Expr, int] = {}
        for node in self.chain.raw:
            for origin in node.parents:
                if origin is not None:
                    last[origin] = min(last.get(origin, node.serial), node.serial)

        def place(e: Expr) -> tuple[int, int]:
            label = str(labels[e].label)
            if e.op is not None:
                return -e.serial, -1
            later = [serial for serial in inner if serial >= last[e]]
            return -min(later, default=last[e]), wrt.index(label) if label in wrt else len(wrt)

        return [str(labels[e].label) for e in sorted(nodes, key=place)]

    def local(self, known: set[str]) -> dict[str, Expr]:
        """Return each gradient by the chain rule, in terms of the gradients of `known`."""
        output, world = self.trace.output, self.trace.world
        shares: dict[Expr, list[Expr]] = {output: [world.lift(1)]}
        forms: dict[str, Expr] = {}
        for node in reversed(order(output)):
            g = sum(shares[node][1:], shares[node][0])
            if node in self.spoken.leaves:
                label = str(self.spoken.leaves[node].label)
                forms[label] = self._said(g, node)
                if label in known and not is_number(self.chain.gradients[node]):
                    g = self.spoken.gradient(node)
            for edge in node.plan.edges if node.op is not None else ():
                origin = node.parents[edge.position]
                shares.setdefault(origin, []).append(contribution(node, edge, g))
        return forms

    @cached_property
    def stepwise(self) -> dict[str, Expr]:
        """Each gradient in terms of those of the values that are directly made of it."""
        return self.local(set(self.nodes))

    def before(self, name: str) -> list[Expr]:
        """Return the gradients of the nameless values that a value is a function of."""
        e, found = self.nodes[name], []
        while e.op is not None:
            tracked = [arg for arg in e.parents if arg is not None]
            if len(tracked) != 1 or tracked[0].shape != e.shape or tracked[0] in self.spoken.leaves:
                break
            (e,) = tracked
            found.append(self.chain.raw[e])
        return found

    def in_a_loop(self, name: str) -> bool:
        """Whether a variable held many values one after the other: ``f``, ``f_2``, ``f_3``, ..."""
        stem = re.escape(re.sub(r"_\d+$", "", name))
        return sum(bool(re.fullmatch(rf"{stem}(_\d+)?", n)) for n in self.nodes) >= _MOST_TURNS

    @cached_property
    def is_loop(self) -> bool:
        """Whether the loss has a loop, which is written out here."""
        return any(map(self.in_a_loop, self.nodes))

    def unfolded(self, form: Expr) -> Expr:
        """Return a form with what the derived function made a name for written out."""
        world = self.trace.world
        named = {world.leaf(n, e.shape, e.dtype): e for n, e in self.program.forms.items()
                 if n.removeprefix("d") not in self.nodes}  # fmt: skip
        named |= {world.leaf(n, e.shape, e.dtype): substituted(e, self.spoken.leaves, world)
                  for n, e in self.program.values.items() if n not in self.nodes}  # fmt: skip
        return substituted(substituted(form, named, world), named, world)

    def forward(self, name: str) -> Expr:
        """Return a value as it is made of those that have a name."""
        if name not in self._made:
            e, world = self.nodes[name], self.trace.world
            others = {v: leaf for v, leaf in self.spoken.leaves.items() if v is not e}
            plain = Algebra(world, {})  # it knows no names, so it does not answer with this one
            form = Simplifier(plain)(substituted(e, others, world))
            self._made[name] = expanded(plain, form, e.shape)
        return self._made[name]

    def carried(self, values: Values, name: str, new: Any) -> Values:
        """Return a point where a value is another, with all values that are made of it."""
        numbers = {**values.numbers, name: new}
        later = [n for n, e in self.nodes.items()
                 if e.op is not None and e.serial > self.nodes[name].serial]  # fmt: skip
        for n in sorted(later, key=lambda n: self.nodes[n].serial):
            value = Values(numbers)(self.forward(n))
            numbers[n] = np.broadcast_to(value, np.shape(numbers[n]))
        return Values(numbers)

    def deeper(self, form: Expr, levels: int = 2) -> Iterator[Expr]:
        """Yield a form with a value in it as it is made of others, and those of others."""
        if self.is_loop:
            return
        for part in ordered([form]):
            e = self.nodes.get(str(part.label))
            if part.op is None and e is not None and e.op is not None:
                made = self.forward(str(part.label))
                yield substituted(form, {part: made}, self.trace.world)
                if levels > 1:
                    for inner in self.deeper(made, levels - 1):
                        yield substituted(form, {part: inner}, self.trace.world)

    def shortened(self, form: Expr) -> Expr:
        """Return a form by the chain rule, simplified by the laws."""
        algebra = Algebra(self.trace.world, LAWS)
        algebra.distributions = self.chain.algebra.distributions
        return Simplifier(algebra)(form)

    def closed(self, name: str) -> list[Expr]:
        """Return a gradient in closed form: by the names of values, as derived, by the inputs."""
        e = self.nodes[name]
        canonical = expanded(self.spoken.tidy, self.chain.gradients[e], e.shape)
        forms = [self.spoken.presenter(canonical), canonical]
        if f"d{name}" in self.program.forms:
            forms.insert(0, self.program.forms[f"d{name}"])
        return forms

    def _said(self, g: Expr, e: Expr) -> Expr:
        named = substituted(g, self.spoken.leaves, self.trace.world)
        return expanded(self.spoken.tidy, Simplifier(self.spoken.tidy)(named), e.shape)
