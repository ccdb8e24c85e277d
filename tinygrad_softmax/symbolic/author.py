"""What the lines of a derived function are called, and in which order they stand.

Imports `chain` and `present`. The names are the user's own; gradients are ``d<name>``; only what is
used more than once, or has a name, gets a line.
"""

from __future__ import annotations

from collections import Counter

from .chain import Chain
from .evaluate import ordered
from .expr import Expr
from .present import Presenter
from .terms import DerivationError

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

    def __init__(self, chain: Chain, presenter: Presenter) -> None:
        self.chain, self.trace, self.presenter = chain, chain.trace, presenter
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
                canonical = self.chain.simplify(e)
                if canonical.primitive is not None and canonical not in self.presenter.forms:
                    self.presenter.name(label, canonical)

    def _name_shared_values(self) -> None:
        """Name what the forward pass has computed and the gradient needs again."""
        named = set(self.values.values())
        forward = ordered([self.trace.output])
        consumers = Counter(arg for e in forward for arg in e.args)
        for e in reversed(forward):
            if e.primitive is None or e in named or not e.shape or e is self.trace.output:
                continue
            name = e.primitive.__name__
            form = self.presenter(self.chain.simplify(e))
            again = name in _COSTLY and form.primitive is not None and form in self.counted()
            if again or (consumers[e] > 1 and name not in _CHEAP):
                label = self.unused(f"{name}_{self._called(e.args[0])}")
                self.values[label] = e
                alias = self.presenter.algebra.world.leaf(label, e.shape, e.dtype)
                self._substitute(form, alias)
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
        labels = {e: name for name, e in self.trace.names.items()}
        targets = {chain.target(name) for name in chain.wrt}
        # equal gradients (of scores, and of scores minus their maximum) go by the earlier value
        nearest = {g: labels[raw] for raw, g in chain.gradients.items()
                   if raw in labels and raw not in targets}  # fmt: skip
        results = {name: chain.gradient(name) for name in chain.wrt}
        for g, name in nearest.items():
            if (
                g.shape
                and g.primitive is not None
                and g not in presenter.forms
                and (g not in set(results.values()))
            ):
                alias = presenter.name(self.unused(f"d{name}"), g, slope=True)
                self.slopes[alias] = presenter.definitions[alias]
        for name in sorted(results, key=lambda name: chain.algebra.cost(results[name])):
            g = results[name]
            if g.primitive is None or g in presenter.forms:
                self.results[name] = presenter(g)
            else:
                alias = presenter.name(f"d{name}", g, slope=True)
                self.results[name] = alias
                self.slopes[alias] = presenter.definitions[alias]
        self.results = {name: self.results[name] for name in results}
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
        presented = {self.presenter(g): raw for raw, g in self.chain.gradients.items()
                     if raw.primitive is not None}  # fmt: skip
        while True:
            counts = self.counted()
            shared = [e for e, n in counts.items() if n > 1 and self._worth(e)]
            if not shared:
                return
            e = max(shared, key=self.presenter.algebra.cost)
            raw = presented.get(e)
            label = f"d{self._near(raw)}" if raw is not None else "shared"
            alias = self.presenter.algebra.world.leaf(self.unused(label), e.shape, e.dtype)
            self._substitute(e, alias)
            self.slopes[alias] = e

    def _worth(self, e: Expr) -> bool:
        return (
            bool(e.shape)
            and e.primitive is not None
            and e.dtype != bool
            and (self.presenter.algebra.cost(e) > 3)
        )

    def _near(self, raw: Expr) -> str:
        """The name of the value that is made directly of an unnamed one."""
        made = [n for n, e in self.values.items() if any(raw is arg for arg in e.args)]
        return made[0] if made else "values"

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
        for alias in list(self.slopes):
            counts, form = self.counted(), self.slopes.get(alias, alias)
            coef, factors = self.presenter.algebra.factors(form)
            inner = [b for b in factors if b in self.slopes and counts[b] == 1]
            masks = [b for b in factors if b.dtype == bool and b not in self.slopes]
            if coef == 1 and [*factors.values()] == [1, 1] and len(inner) == len(masks) == 1:
                (before,), (mask,) = inner, masks
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
        left = {a: f for a, f in self.slopes.items() if a in counts}
        left |= {a: self.results[name] for a, name in final.items() if a not in left}
        done: list[tuple[str, Expr]] = []
        while left:
            ready = [a for a, form in left.items() if not set(ordered([form])) & left.keys() - {a}]
            if not ready:
                raise DerivationError(
                    f"the lines of {', '.join(str(a.label) for a in left)} would need one another: "
                    "give the values of the loss fewer names, or derive its parts one by one"
                )
            ends = sorted(
                (a for a in ready if a in final),
                key=lambda a: int(list(self.results).index(final[a])),
            )
            done += [(str(alias.label), left.pop(alias)) for alias in ends or ready[:1]]
        return done
