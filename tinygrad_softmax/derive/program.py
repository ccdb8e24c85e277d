"""Which lines the derived function has, what they are called, and in which order they stand.

Imports `source` and `present`. The names are the user's own; gradients are ``d<name>``; only what
is used more than once, or has a name, gets a line.
"""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from .expr import Expr, ordered
from .source import Lines
from .text import Writer

if TYPE_CHECKING:
    from .derivation import Derivation

#: Ops that are worth a line of their own when their result is needed twice.
_COSTLY = frozenset({"exp", "log", "matmul", "sum", "max", "min", "tanh", "power", "sqrt", "sin", "cos",
                     "maximum", "minimum", "log1p", "expm1", "einsum", "concatenate"})  # fmt: skip


class Program(NamedTuple):
    """The text of a derived function, and what it refers to."""

    source: str
    gradient: str  # the gradient part alone
    shown: tuple[str, ...]  # the names of its gradients
    used: dict[str, Any]


class _Author:
    """Decides on names and lines for one derivation."""

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        self.trace, self.presenter = derivation.trace, derivation.presenter
        self.taken = {*self.trace.inputs, *self.trace.names, *self.trace.static, "np", "loss"}
        self.values: dict[str, Expr] = {}  # forward lines: name -> traced value
        self.slopes: dict[Expr, Expr] = {}  # name of a gradient -> what it is
        self.results: dict[str, Expr] = {}  # by what -> its gradient, presented
        self._name_values()
        self._name_gradients()

    def _name_values(self) -> None:
        """Give the forward values the user's names."""
        for label, e in self.trace.names.items():
            if e is not self.trace.output:
                self.values[label] = e
                canonical = self.derivation.simplify(e)
                if canonical.primitive is not None and canonical not in self.presenter.forms:
                    self.presenter.name(label, canonical)

    def _name_shared_values(self) -> None:
        """Name what the forward pass has computed and the gradient needs again."""
        named = set(self.values.values())
        for e in ordered([self.trace.output]):
            if e.primitive is None or e in named or not e.shape or (
                e.primitive.__name__ not in _COSTLY or e is self.trace.output
            ):
                continue
            form = self.presenter(self.derivation.simplify(e))
            written = ordered([*self.results.values(), *self.slopes.values()])
            if form.primitive is not None and form in set(written):
                label = self.unused(f"{e.primitive.__name__}_{self._called(e.args[0])}")
                self.values[label] = e
                self._substitute(form, self.presenter.algebra.world.leaf(label, e.shape, e.dtype))
        self.values = dict(sorted(self.values.items(), key=lambda item: item[1].serial))

    def _called(self, e: Expr) -> str:
        names = {v: n for n, v in self.values.items()} | {v: n for n, v in self.trace.inputs.items()}
        while e not in names and e.args:
            e = e.args[0]
        return names.get(e, "values")

    def _name_gradients(self) -> None:
        derivation, presenter = self.derivation, self.presenter
        labels = {e: name for name, e in self.trace.names.items()}
        targets = {derivation.target(name) for name in derivation.wrt}
        # equal gradients (of scores, and of scores minus their maximum) go by the earlier value
        nearest = {g: labels[raw] for raw, g in derivation.gradients.items()
                   if raw in labels and raw not in targets}  # fmt: skip
        results = {name: derivation.gradient(name) for name in derivation.wrt}
        for g, name in nearest.items():
            if g.shape and g.primitive is not None and g not in presenter.forms and (
                g not in set(results.values())
            ):
                alias = presenter.name(self.unused(f"d{name}"), g, slope=True)
                self.slopes[alias] = presenter.definitions[alias]
        for name in sorted(results, key=lambda name: derivation.algebra.cost(results[name])):
            g = results[name]
            if g.primitive is None or g in presenter.forms:
                self.results[name] = presenter(g)
            else:
                alias = presenter.name(f"d{name}", g, slope=True)
                self.results[name] = presenter.definitions[alias]
                self.slopes[alias] = presenter.definitions[alias]
        self._name_shared_values()
        self._name_shared()
        self._merge_masks()

    def counted(self) -> Counter[Expr]:
        """Count how often each expression is written in the gradient part."""
        counts: Counter[Expr] = Counter()
        stack = list(self.results.values())
        seen: set[Expr] = set()
        while stack:
            e = stack.pop()
            counts[e] += 1
            if e in seen:
                continue
            seen.add(e)
            stack.extend([self.slopes[e]] if e in self.slopes else e.args)
        return counts

    def _name_shared(self) -> None:
        """Name gradients that are written more than once though the user has no name for them."""
        presented = {self.presenter(g): raw for raw, g in self.derivation.gradients.items()
                     if raw.primitive is not None}  # fmt: skip
        while True:
            counts = self.counted()
            shared = [e for e, n in counts.items() if n > 1 and self._worth(e)]
            if not shared:
                return
            e = max(shared, key=self.presenter.algebra.cost)
            known = next((alias for alias, form in self.slopes.items() if form is e), None)
            if known is not None:
                self._substitute(e, known)
                self.slopes[known] = e
                self.results |= {n: e for n in self.results if known.label == f"d{n}"}
                continue
            raw = presented.get(e)
            label = f"d{self._near(raw)}" if raw is not None else "shared"
            alias = self.presenter.algebra.world.leaf(self.unused(label), e.shape, e.dtype)
            self._substitute(e, alias)
            self.slopes[alias] = e

    def _worth(self, e: Expr) -> bool:
        return bool(e.shape) and e.primitive is not None and e.dtype != bool and (
            self.presenter.algebra.cost(e) > 3
        )

    def _near(self, raw: Expr) -> str:
        """The name of the value that is made directly of an unnamed one."""
        for name, e in self.values.items():
            if any(raw is arg for arg in e.args):
                return name
        return "values"

    def _substitute(self, e: Expr, alias: Expr) -> None:
        """Put a name in place of an expression everywhere."""
        memo: dict[Expr, Expr] = {e: alias}
        world = self.presenter.algebra.world

        def change(node: Expr) -> Expr:
            for part in ordered([node]):
                if part not in memo:
                    args = tuple(memo[arg] for arg in part.args)
                    same = all(a is b for a, b in zip(args, part.args, strict=True))
                    memo[part] = part if same else world.make(
                        part.primitive, args, part.settings, part.shape)  # fmt: skip
            return memo[node]

        self.slopes = {name: change(form) for name, form in self.slopes.items()}
        self.results = {name: change(form) for name, form in self.results.items()}

    def _merge_masks(self) -> None:
        """Call a masked gradient by the name it had before the mask, if that is used only there.

        As a person does: ``dhidden = dscores @ W2.T`` and then ``dhidden[hidden <= 0] = 0``.
        """
        counts = self.counted()
        for alias, form in list(self.slopes.items()):
            _, factors = self.presenter.algebra.factors(form)
            inner = [b for b in factors if b in self.slopes and counts[b] == 1]
            if len(factors) == 2 and len(inner) == 1 and any(b.dtype == bool for b in factors):
                (before,) = inner
                mask = next(b for b in factors if b is not before)
                whole = self.slopes.pop(before)
                del self.slopes[alias]
                product = self.presenter.algebra.times(whole, mask)
                self._substitute(alias, before)
                self.slopes[before] = product

    def unused(self, name: str) -> str:
        """Return a name that nothing else has, and take it."""
        while name in self.taken:
            head = name.rstrip("0123456789")
            name = f"{head}{int(name[len(head) :] or 1) + 1}"
        self.taken.add(name)
        return name

    def lines(self) -> list[tuple[str, Expr]]:
        """Order the gradient lines: a parameter's as soon as it can be written."""
        world = self.presenter.algebra.world
        counts = self.counted()
        final = {world.leaf(f"d{name}", ()): name for name in self.results}
        left = {a: f for a, f in self.slopes.items() if a in counts and a not in final}
        left |= {alias: self.results[name] for alias, name in final.items()}
        done: list[tuple[str, Expr]] = []
        while left:
            ready = [a for a, form in left.items() if not set(ordered([form])) & left.keys() - {a}]
            ends = sorted((a for a in ready if a in final), key=lambda a: int(list(self.results).index(final[a])))
            for alias in ends or ready[:1]:
                done.append((str(alias.label), left.pop(alias)))
        return done


def written(derivation: Derivation) -> Program:
    """Write the function."""
    author, traced = _Author(derivation), derivation.trace
    writer = Writer(derivation.presenter.algebra)
    lines = author.lines()
    mentioned = {str(e.label) for _, form in lines for e in ordered([form])}
    needed = set(ordered([traced.output, *(e for n, e in author.values.items() if n in mentioned)]))

    forward = Lines(writer)
    for name, e in author.values.items():
        if e in needed:
            forward.assign(name, e)
    loss = next((n for n, e in traced.names.items() if e is traced.output), "loss")
    forward.assign(loss, traced.output)
    backward = Lines(writer)
    for name, form in lines:
        backward.assign(name, form)
    found = ", ".join(f"{name!r}: d{name}" for name in derivation.wrt)
    body = [*forward.body, *backward.body, *ast.parse(f"return {loss}, {{{found}}}").body]

    text = {node.id for stmt in body for node in ast.walk(stmt) if isinstance(node, ast.Name)}
    sizes = [ast.parse(f"{label} = {place[0]}.shape[{place[1]}]").body[0]
             for label, place in traced.sizes.items() if label in text]  # fmt: skip
    function = ast.parse(f"def gradients({', '.join(derivation.given)}):\n    pass").body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body = [*sizes, *body]
    return Program(
        ast.unparse(ast.fix_missing_locations(function)),
        "\n".join(ast.unparse(ast.fix_missing_locations(stmt)) for stmt in backward.body),
        tuple(name for name, _ in lines),
        writer.used,
    )
