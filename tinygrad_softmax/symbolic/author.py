"""What the lines of a derived function are called, and in which order they stand.

Imports `chain` and `present`. The names are the user's own; gradients are ``d<name>``; only what is
used more than once, or has a name, gets a line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ..ops.indexing import getitem
from .align import REALIGN, compact
from .chain import Chain
from .evaluate import mentioned, ordered, written_of
from .expr import Expr
from .index import frozen
from .names import numbered
from .present import Presenter
from .slopes import Slopes
from .terms import LINEAR, PRODUCT

#: Ops that are worth a line of their own when their result is needed twice.
_COSTLY = frozenset(
    [
        "exp",
        "log",
        "matmul",
        "sum",
        "max",
        "min",
        "tanh",
        "power",
        "sqrt",
        "sin",
        "cos",
        "maximum",
        "minimum",
        "log1p",
        "expm1",
        "einsum",
        "concatenate",
    ]
)
#: Ops that only look at their operand another way.
_CHEAP = frozenset({"getitem", "transpose", "reshape", "broadcast_to", "stop_gradient", "positive"})


class Author:
    """Decides on names and lines for one chain."""

    def __init__(self, chain: Chain, presenter: Presenter,
                 finish: Callable[[Expr], Expr]) -> None:  # fmt: skip
        self.finish = finish  # has the last word on each gradient
        self.chain, self.trace, self.presenter = chain, chain.trace, presenter
        self.taken = {*self.trace.inputs, *self.trace.names, *self.trace.static, "np"}
        self.values: dict[str, Expr] = {}  # forward lines: name -> traced value
        self.slopes = Slopes(chain.algebra.world)
        self.finals = {name: self.unused(f"d{name}") for name in chain.wrt}
        named = [n for n, e in self.trace.names.items() if e is self.trace.output]
        self.loss = named[0] if named else self.unused("loss")
        self._name_values()
        self._name_gradients()

    def _name_values(self) -> None:
        """Give the forward values the user's names."""
        for label, e in self.trace.names.items():
            if e is not self.trace.output:
                self.values[label] = e
                canonical = self.chain.simplify(e)
                if canonical.op is not None and canonical not in self.presenter.forms:
                    self.presenter.name(label, canonical, whole=e.shape)

    def _name_shared_values(self) -> None:
        """Name what the forward pass has computed and the gradient needs again."""
        named = set(self.values.values())
        forward = ordered([self.trace.output])
        consumers = Counter(arg for e in written_of([self.trace.output]) for arg in mentioned(e))
        for e in reversed(forward):
            if e.op is None or e in named or not e.shape or e is self.trace.output:
                continue
            name, kind = e.op.__name__, e.op.kind
            form = self.presenter(self.chain.simplify(e))
            if form.op is REALIGN and form.args[0].shape == e.shape:
                form = form.args[0]  # a sum that kept its axes
            again = kind in _COSTLY and form.op is not None and form in self.slopes.counted()
            if again or (consumers[e] > 1 and kind not in _CHEAP):
                label = self.unused(f"{name}_{self._called(e.args[0])}")
                self.values[label] = e
                algebra = self.presenter.algebra
                leaf = algebra.world.leaf(label, e.shape, e.dtype)
                self.slopes.substitute(form, compact(algebra, leaf, form.shape))
        self.values = dict(sorted(self.values.items(), key=lambda item: item[1].serial))

    def _called(self, e: Expr) -> str:
        names = {v: n for n, v in self.values.items()} | {
            v: n for n, v in self.trace.inputs.items()
        }
        while e not in names and e.args:
            e = e.args[0]
        return names.get(e, "values")

    def _name_gradients(self) -> None:
        chain, presenter = self.chain, self.presenter
        labels = {e: n for n, e in self.trace.names.items() if n not in self.trace.made}
        targets = {chain.target(name) for name in chain.wrt}
        # equal gradients (of scores, and of scores minus their maximum) go by the earlier value
        nearest = {g: labels[raw] for raw, g in chain.gradients.items()
                   if raw in labels and raw not in targets}  # fmt: skip
        results = {name: chain.gradient(name) for name in chain.wrt}
        for g, name in nearest.items():
            if (
                g.shape
                and g.op is not None
                and g not in presenter.forms
                and (g not in set(results.values()))
            ):
                alias = presenter.name(self.unused(f"d{name}"), g)
                self.slopes.made[alias] = presenter.definitions[alias]
        for name in sorted(results, key=lambda name: chain.algebra.cost(results[name])):
            g = results[name]
            if g.op is None or g in presenter.forms:
                self.slopes.results[name] = presenter(g)
            else:
                alias = presenter.name(self.finals[name], g)
                self.slopes.results[name] = alias
                self.slopes.made[alias] = presenter.definitions[alias]
        self.slopes.made = {alias: self.finish(form) for alias, form in self.slopes.made.items()}
        self.slopes.results = {name: self.finish(self.slopes.results[name]) for name in results}
        self._name_shared_values()
        self._name_shared()
        self.slopes.merge_masks()
        self._name_scatters()

    def _name_shared(self) -> None:
        """Name gradients that are written more than once though the user has no name for them."""
        presented = {self.presenter(g): raw for raw, g in self.chain.gradients.items()
                     if raw.op is not None}  # fmt: skip
        while True:
            counts = self.slopes.counted()
            shared = [e for e, n in counts.items() if n > 1 and self._worth(e)]
            if not shared:
                return
            e = max(shared, key=self.presenter.algebra.cost)
            raw = presented.get(e)
            label = f"d{self._near(raw)}" if raw is not None else "shared"
            self.slopes.name(e, self.unused(label))

    def _worth(self, e: Expr) -> bool:
        return (
            bool(e.shape)
            and e.op is not None
            and e.dtype != bool
            # two entrywise operations are worth a line, a pick or a sum of something named is not
            and self.presenter.algebra.cost(e) > 3 - (e.op in (LINEAR, PRODUCT))
        )

    def _name_scatters(self) -> None:
        """Give scatters that cannot be written as updates in place lines of their own."""
        while (e := self.slopes.scatter()) is not None:
            picks = [f for f in ordered([self.trace.output]) if f.op is getitem]
            index = frozen(e.settings)[0]
            places = {frozen(f.settings)[0] == index: self._called(f.args[0]) for f in picks}
            self.slopes.name(e, self.unused(f"d{places.get(True, 'values')}"))

    def _near(self, raw: Expr) -> str:
        """The name of the value that is made directly of an unnamed one."""
        made = [n for n, e in self.values.items() if any(raw is arg for arg in e.args)]
        return made[0] if made else "values"

    def unused(self, name: str) -> str:
        """Return a name that nothing else has, and take it."""
        name = numbered(name, self.taken)
        self.taken.add(name)
        return name
