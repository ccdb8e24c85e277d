"""Gradient rules, and the plans made of them: what to keep, and where gradients go.

Imports `errors`. Its one idea: which inputs of an op are tracked is a small number, and for each
such number everything that the tape and the reverse pass need is worked out once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from .errors import NoRuleError

Function = Callable[..., Any]

#: What a rule can ask of the pass itself: the shape of the argument differentiated, and its place.
TOLD = ("shape", "position")


class Rule(NamedTuple):
    """A gradient rule, what it wants kept, and what it wants told at the time of the pass."""

    function: Function
    wants: tuple[str, ...]
    told: tuple[str, ...]

    @classmethod
    def of(cls, function: Function, op: str, argnames: tuple[str, ...],
           offered: tuple[str, ...]) -> Rule:  # fmt: skip
        """Read a rule's parameters.

        Parameters
        ----------
        function : callable
            The rule; its first parameter is ``g``.
        op : str
            Name of the op, for the message.
        argnames : tuple of str
            The arguments that the rule is for.
        offered : tuple of str
            What the op can keep: its arguments, ``out`` and its settings.

        Raises
        ------
        TypeError
            If the first parameter is not ``g``, or another one names nothing that the op has.

        Examples
        --------
        >>> Rule.of(lambda g, out, shape: g, "exp", ("x",), ("x", "out")).wants
        ('out',)
        >>> Rule.of(lambda g, y: g, "exp", ("x",), ("x", "out"))
        Traceback (most recent call last):
            ...
        TypeError: rule for x of exp: the first parameter must be g, the others among x, out, \
shape, position; got g, y
        """
        code = function.__code__
        names = code.co_varnames[: code.co_argcount]
        unknown = {*names[1:]} - {*offered, *TOLD}
        if names[:1] != ("g",) or unknown:
            raise TypeError(
                f"rule for {', '.join(argnames)} of {op}: the first parameter must be g, the "
                f"others among {', '.join((*offered, *TOLD))}; got {', '.join(names)}"
            )
        wants = tuple(name for name in names[1:] if name not in TOLD)
        return cls(function, wants, tuple(name for name in names[1:] if name in TOLD))

    @property
    def sentence(self) -> str:
        """The rule's docstring: why this arrow of the backward pass is what it is."""
        return (self.function.__doc__ or "").strip()


class Edge(NamedTuple):
    """One arrow of the backward pass: to which input, by which rule, with which of what is kept.

    ``pick`` None means all of it; ``told`` None means nothing.
    """

    position: int
    function: Function
    pick: Function | None
    told: Function | None


class Plan(NamedTuple):
    """What to keep and where gradients go, when a certain set of inputs is tracked.

    ``pick`` takes what the rules want out of ``(*inputs, out, *settings)``, in the order of
    ``names``; None if they want nothing. ``sealed`` are the inputs among what is kept.
    """

    pick: Function | None
    names: tuple[str, ...]
    edges: tuple[Edge, ...]
    sealed: tuple[int, ...]

    @classmethod
    def of(cls, op: str, arguments: list[str], mask: int, rules: Mapping[str, Rule],
           offered: tuple[str, ...]) -> Plan:  # fmt: skip
        """Work out the plan for the tracked inputs in `mask`.

        Parameters
        ----------
        op : str
            Name of the op, for the message.
        arguments : list of str
            The argument that each input stands for.
        mask : int
            Bit i says that input i is tracked.
        rules : mapping
            The op's rules, by argument.
        offered : tuple of str
            What the op can keep, in the order in which the tape will offer it.

        Raises
        ------
        NoRuleError
            If a tracked argument has no rule.

        Examples
        --------
        >>> rule = Rule.of(lambda g, y: g * y, "multiply", ("x",), ("x", "y", "out"))
        >>> Plan.of("multiply", ["x", "y"], 0b01, {"x": rule}, ("x", "y", "out")).names
        ('y',)
        """
        tracked: list[tuple[int, Rule]] = []
        # The last operand first: it is often the small one (a divisor, a bias), and its temporaries
        # are gone before the large gradient of the first operand is made.
        for position, name in reversed([*enumerate(arguments)]):
            if mask >> position & 1:
                if name not in rules:
                    raise NoRuleError(
                        f"{op} has no gradient rule for {name}; declare one with "
                        f"@{op}.grad({name!r}), or pass {name} as a plain array"
                    )
                tracked.append((position, rules[name]))
        names = tuple(dict.fromkeys(name for _, rule in tracked for name in rule.wants))
        return cls(
            pick=_picker([offered.index(name) for name in names]) if names else None,
            names=names,
            edges=tuple(_edge(position, rule, names) for position, rule in tracked),
            sealed=tuple(position for position, _ in tracked if arguments[position] in names),
        )


def _edge(position: int, rule: Rule, names: tuple[str, ...]) -> Edge:
    """Return the arrow to one input, when `names` are kept."""
    pick = None if rule.wants == names else _picker([*map(names.index, rule.wants)])
    return Edge(position, rule.function, pick, _teller(rule.told))


def _picker(codes: list[int]) -> Function:
    """Return what picks these items of a tuple, as a tuple (itemgetter unwraps a single one)."""
    if len(codes) > 1:
        return itemgetter(*codes)
    start = codes[0] if codes else 0
    return itemgetter(slice(start, start + len(codes)))


def _teller(names: tuple[str, ...]) -> Function | None:
    """Return what tells a rule what it asks of the pass: a function of the origin and position."""
    if names == ("shape",):
        return lambda origin, position: {"shape": origin.shape}
    if not names:
        return None
    return lambda origin, position: {
        name: {"shape": origin.shape, "position": position}[name] for name in names
    }
