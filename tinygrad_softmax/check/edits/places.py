"""Where in a formula an op stands: whether all of it is proportional to the op, a term, or neither.

Imports the expressions of `symbolic`. What a mistake is called depends on it: a factor that is
missing from the whole is another mistake than one that is missing from a term or inside a slope.
"""

from __future__ import annotations

from ...symbolic.evaluate import ordered
from ...symbolic.exponentials import kind
from ...symbolic.expr import Expr

OUTER, TERM, INNER = range(3)
_LINEAR_OPS = frozenset(["realign", "reshape", "broadcast_to", "transpose", "sum", "matmul",
                         "getitem", "scatter"])  # fmt: skip
MOVES = frozenset(["realign", "reshape", "broadcast_to", "transpose"])


def places(formula: Expr) -> dict[Expr, int]:
    """Say of each op of a formula whether all of it is proportional to the op, a term, or neither.

    Examples
    --------
    >>> from ...symbolic.expr import World
    >>> a = World().leaf("a", (3,))
    >>> places(a) == {a: OUTER}
    True
    """
    found = {formula: OUTER}
    for node in reversed(ordered([formula])):
        for place, arg in enumerate(node.args):
            found[arg] = max(found.get(arg, OUTER), _below(node, place, arg, found[node]))
    return found


def _below(node: Expr, place: int, arg: Expr, where: int) -> int:
    """Return where an operand stands, from where its op does."""
    if kind(node) == "linear":
        return max(where, TERM) if len(node.args) > 1 else where
    if kind(node) == "product":
        scaling = node.setting("exps")[place] == 1 or set(arg.shape) <= {1}
        return where if scaling else INNER
    return where if kind(node) in _LINEAR_OPS else INNER


def is_last(node: Expr, formula: Expr) -> bool:
    """Whether a sum is the last thing done, but for factors and changes of shape."""
    e = formula
    while e is not node:
        if kind(e) in MOVES:
            e = e.args[0]
        elif kind(e) in ("product", "linear") and node in set(e.args):
            return kind(e) == "product" or len(e.args) == 1
        else:
            return False
    return True


class Family:
    """The ops of a formula with those that are made of them, so that one is replaced quickly."""

    def __init__(self, formula: Expr) -> None:
        self.formula = formula
        self.nodes = ordered([formula])
        self.parents: dict[Expr, list[Expr]] = {}
        for node in self.nodes:
            for arg in node.args:
                self.parents.setdefault(arg, []).append(node)

    def replaced(self, node: Expr, new: Expr) -> Expr:
        """Return the formula with something else in place of one of its ops.

        Examples
        --------
        >>> from ...symbolic.expr import World
        >>> a, b = (World().leaf(name, (3,)) for name in "ab")
        >>> Family(a).replaced(a, b) is b
        True
        """
        above: set[Expr] = set()
        stack = [node]
        while stack:
            for parent in self.parents.get(stack.pop(), ()):
                if parent not in above:
                    above.add(parent)
                    stack.append(parent)
        made = {node: new}
        for e in sorted(above, key=lambda e: e.serial):
            args = tuple(made.get(arg, arg) for arg in e.args)
            made[e] = e.world.make(e.op, args, e.settings, e.shape)
        return made[self.formula]
