"""Running the user's function on traced arrays.

It is run at three sets of sizes: primes, other primes, and numbers with many divisors, all above
whatever number the user's code contains, so that a size is known by its value wherever it turns up.
`merge` makes one program of the three. It is compared with the function itself, run on plain
arrays, at the sizes given and at others; where these differ the program is for the sizes given
alone, and says so.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..core.errors import (
    BackwardError,
    DataError,
    GradientLostError,
    NoRuleError,
    user_frame,
)
from ..core.tape import Value, plain_array
from ..core.transforms import check_scalar_loss
from ..ops.choices import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_not,
    not_equal,
)  # fmt: skip
from .expr import BranchError, DerivationError, Expr, Traced, World
from .fit import divisors
from .merge import Assumption, Merge, OneSizeError, Trace, environment, parting, written
from .names import Watching, arrays_of, numbered, numbers_in
from .relations import SMALLEST, AgainError, Sizes, label_of
from .sizes import Dim, Named, real_of
from .visit import evaluate, ordered

__all__ = [
    "Assumption",
    "Trace",
    "agrees_with_plain_run",
    "call",
    "checked_inputs",
    "environment",
    "numbered",
    "plain_run",
    "trace",
    "trace_as_given",
]

#: Tracing is given up after so many operations: with open sizes, and at the sizes given.
_STEPS = (8_000, 400_000)
#: Sizes up to so many are tried beside the numbers in the user's code, with so many entries.
_FARTHEST, _ENTRIES = 50_000, 2_000_000


def trace(
    function: Callable[..., Any],
    given: dict[str, Any],
    wrt: tuple[str, ...],
    generic: bool = True,
    scalar: bool = True,
) -> Trace:
    """Run `function` on expressions shaped like the arrays `given`.

    Parameters
    ----------
    function : callable
        The loss.
    given : dict
        Its inputs by name.
    wrt : tuple of str
        Inputs, or local variables, to differentiate with respect to.
    generic : bool
        Whether to leave the sizes open; else they are those given.
    scalar : bool
        Whether the result must be a scalar.

    Raises
    ------
    BranchError
        If its course depends on a value that is differentiated with respect to.
    GradientLostError, NoRuleError, DataError, TypeError
        If it leaves what can be traced, or the inputs are of a kind that cannot be.
    DerivationError
        If the plain run of the loss gives another value.
    """
    given = checked_inputs(given, wrt)
    value = _plain_value(function, given, wrt, scalar)
    sizes, reason = Sizes(given), ""
    if generic and sizes.places:
        try:
            traced = _traced(function, given, wrt, sizes, scalar, value)
            _agreeing(traced, function, given)
            other = _differs(traced, function, given)
            empty = any(0 in e.shape for e in ordered([traced.output]))
            if other is None and empty and all(np.size(v) for v in given.values()):
                other = "a slice of it is empty at other sizes"
        except OneSizeError as error:
            reason = str(error)
        else:
            if other is None:
                return traced
            reason = other
    fixed = Sizes(given)
    fixed.fix()
    try:
        traced = _traced(function, given, wrt, fixed, scalar, value)
    except OneSizeError as error:
        raise DerivationError(str(error)) from None
    _agreeing(traced, function, given)
    if reason.endswith("at other sizes"):
        reason += parting([Run(function, given, wrt, s, 0, scalar) for s in (sizes, fixed)])
    return traced._replace(generic=not sizes.places, reason=reason)


def trace_as_given(
    function: Callable[..., Any], given: dict[str, Any], wrt: tuple[str, ...]
) -> Trace:
    """Trace a loss at the sizes given alone; it is compared with nothing, and computes no array."""
    given = checked_inputs(given, wrt)
    fixed = Sizes(given)
    fixed.fix()
    try:
        return _traced(function, given, wrt, fixed, True, None)
    except OneSizeError as error:
        raise DerivationError(str(error)) from None


# --- the entrance ---


def checked_inputs(given: dict[str, Any], wrt: tuple[str, ...]) -> dict[str, Any]:
    """Return the inputs with lists as arrays, and refuse what cannot be derived with."""
    names: Any = wrt
    if not isinstance(names, tuple) or not wrt or not all(isinstance(name, str) for name in wrt):
        raise TypeError(
            f"wrt={wrt!r} does not name what to differentiate with respect to: give the name of an "
            f"input or several, such as wrt={next(iter(given), 'W')!r}"
        )
    twice = sorted({name for name in wrt if wrt.count(name) > 1})
    if twice:
        raise TypeError(f"wrt names {', '.join(twice)} more than once: name each input once")
    found = {name: _checked(name, value) for name, value in given.items()}
    for name in wrt:
        value = found.get(name, 0.0)
        if isinstance(value, (np.ndarray, np.generic, bool, int)) and not isinstance(value, float):
            kind = np.asarray(value).dtype
            if kind.kind != "f":
                what = "a Python number" if isinstance(value, (bool, int)) else str(kind)
                instead = f"float({name})" if isinstance(value, (bool, int)) else \
                    f"{name}.astype(float)"  # fmt: skip
                raise DataError(
                    f"{name} is {what if what[0] != 'a' else type(value).__name__}, and whole "
                    f"numbers cannot be nudged: pass {instead}"
                )
        elif not isinstance(value, float):
            raise TypeError(
                f"{name} is a {type(value).__name__}, which is nothing to differentiate with "
                "respect to: give the arrays that are in it as inputs of their own"
            )
    return found


def _checked(name: str, value: Any) -> Any:
    kind, module = type(value).__name__, type(value).__module__.partition(".")[0]
    if isinstance(value, Value):
        raise DataError(f"{name} is a {kind} of this package: pass plain arrays, {name}.data")
    if module == "torch":
        raise DataError(f"{name} is a torch.{kind}: pass {name}.detach().cpu().numpy()")
    if module in ("pandas", "polars"):
        raise DataError(f"{name} is a {kind} of {module}: pass {name}.to_numpy()")
    if hasattr(value, "toarray") and hasattr(value, "nnz"):
        raise DataError(f"{name} is a sparse {kind} {value.shape}: pass {name}.toarray()")
    if hasattr(value, "__array__") and not isinstance(value, (np.ndarray, np.generic)):
        raise DataError(f"{name} is a {module}.{kind}: pass a NumPy array, np.asarray({name})")
    if isinstance(value, (np.bool_, np.integer)):
        return value.item()
    if isinstance(value, list) and value and not isinstance(value[0], (str, dict)):
        try:
            array = np.asarray(value)
        except ValueError:  # of unequal lengths
            return value
        return value if array.dtype.kind not in "fiub" else array
    if isinstance(value, complex):
        raise DataError(f"{name} is complex: pass the real and the imaginary part as two inputs")
    if not isinstance(value, (np.ndarray, np.generic)):
        return value
    dtype = value.dtype
    if dtype.kind == "c":
        instead = f"pass {name}.real and {name}.imag as two inputs"
    elif dtype == np.float16:
        instead = f"its gradients would be too coarse to check: pass {name}.astype(np.float32)"
    elif dtype.kind == "O":
        instead = f"a rectangular array of numbers is needed: pass {name}.astype(float)"
    elif dtype.kind in "US":
        instead = f"number the classes: pass np.unique({name}, return_inverse=True)[1]"
    elif dtype.kind not in "fiub":
        instead = "pass numbers"
    else:
        return plain_array(value) if isinstance(value, np.ndarray) else value
    shown = {"U": "strings", "S": "strings", "O": "Python objects"}.get(dtype.kind, str(dtype))
    raise DataError(f"{name} {np.shape(value)} is an array of {shown}: {instead}")


def _plain_value(function: Any, given: dict[str, Any], wrt: tuple[str, ...], scalar: bool) -> Any:
    """Run the function on plain arrays, twice: it must be the same."""
    first, second = (plain_run(function, given) for _ in range(2))
    if isinstance(first, Value) or first is None or isinstance(first, (tuple, list, dict, str)):
        check_scalar_loss(first, _name_of(function), ", ".join(wrt))
    if scalar and np.shape(first) != ():
        check_scalar_loss(np.asarray(first), _name_of(function), ", ".join(wrt))
    if np.shape(first) != np.shape(second) or not np.array_equal(first, second, equal_nan=True):
        raise DerivationError(
            f"{_name_of(function)} gives {_shown(first)} and then {_shown(second)} of the same "
            "inputs: random numbers, the time or a state that it changes enter it. Draw them "
            "before the call and pass them as inputs"
        )
    return first


def plain_run(function: Any, given: dict[str, Any]) -> Any:
    """Return what a function makes of copies of plain arrays, without warnings."""
    copies = {n: v.copy() if isinstance(v, np.ndarray) else v for n, v in given.items()}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(function, copies)


def _name_of(function: Any) -> str:
    while isinstance(function, partial):
        function = function.func
    name = getattr(function, "__name__", type(function).__name__)
    return "the loss" if name == "<lambda>" else str(name)


def _shown(value: Any) -> str:
    return f"{value:.6g}" if np.shape(value) == () else f"an array {np.shape(value)}"


def call(function: Any, values: dict[str, Any]) -> Any:
    """Call a function with its arguments by name, positionally where it wants them so."""
    rest = dict(values)
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # written in C
        return function(**rest)
    first = [rest.pop(p.name) for p in parameters
             if p.kind is p.POSITIONAL_ONLY and p.name in rest]  # fmt: skip
    return function(*first, **rest)


# --- one run on expressions ---

_ASKED = {">": greater, ">=": greater_equal, "<": less, "<=": less_equal, "==": equal,
          "!=": not_equal}  # fmt: skip
_OPPOSITE = {less: greater_equal, less_equal: greater, greater: less_equal, greater_equal: less,
             equal: not_equal, not_equal: equal}  # fmt: skip
_NAMES_OF = {"lt": less, "le": less_equal, "gt": greater, "ge": greater_equal, "eq": equal,
             "ne": not_equal}  # fmt: skip


class Run:
    """One trace: answers where the function asks for sizes and values."""

    def __init__(self, function: Any, given: dict[str, Any], wrt: tuple[str, ...], sizes: Sizes,
                 which: int, scalar: bool) -> None:  # fmt: skip
        self.given, self.sizes, self.which = given, sizes, which
        self.world = world = World(self)
        self.steps, self.related_any = 0, False
        self.numbers = {*numbers_in(function, given, _FARTHEST)}
        self.limit = _STEPS[not sizes.free]
        self.facts: list[tuple[str, Expr]] = []  # what was asked, and how it was answered
        self.handed: dict[Expr, Any] = {}  # integer values that NumPy was handed
        self.course: list[tuple[str, Any]] | None = None
        self.axes = sizes.settle(world, which)
        self.inputs: dict[str, Expr] = {}
        world.arrays = arrays_of(function, given)
        inner = any(name not in given for name in wrt)
        for name, value in given.items():
            if not isinstance(value, (np.ndarray, np.floating, float)):
                continue
            shape = tuple(self.axes.get((name, axis), 1) for axis in range(np.ndim(value)))
            dtype = np.asarray(value).dtype
            tracked = dtype.kind == "f" and (name in wrt or inner)
            self.inputs[name] = world.leaf(
                name, shape, dtype, tracked=tracked, weak=type(value) is float
            )
        self.static = {n: v for n, v in given.items() if n not in self.inputs}
        self.function, self.wrt, self.scalar = function, wrt, scalar
        self.output: Any = None
        self.watching = Watching(self.inputs)

    def run(self) -> None:
        """Call the function on traced arrays."""
        self.steps = 0
        calls = {n: Traced(self.inputs[n]) if n in self.inputs else self.static[n]
                 for n in self.given}  # fmt: skip
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self.which:
                output = call(self.function, calls)
            else:
                with self.watching:
                    output = call(self.function, calls)
        if self.scalar or not isinstance(output, (Traced, Named, np.ndarray)):
            check_scalar_loss(output, _name_of(self.function), ", ".join(self.wrt))
        self.output = self.world.lift(output)

    def step(self, op: Any) -> None:
        """Count the operations."""
        self.steps += 1
        if self.course is not None:
            frame = user_frame()
            place = (frame.f_code.co_filename, frame.f_lineno) if frame else None
            self.course.append((op.__name__, place))
        if self.steps > self.limit:
            raise OneSizeError(
                f"the loss is made of more than {self.limit} operations, as by a "
                "loop over the examples"
            )

    def related(self, pair: tuple[int, int], ask: bool = False) -> bool:
        """Make two sizes one that an op demands to be equal; only what costs nothing if `ask`."""
        if ask:
            named_pair = [self.world.named(n) for n in pair]
            if None in map(self.sizes.place, named_pair):
                return False
        made = self.sizes.relate(self.world, *pair)
        self.related_any |= made
        return made

    def too_short(self, bound: int, size: int) -> None:
        """Begin anew if a slice fits its axis at the real sizes, with sizes in their ratio."""
        ends = [real_of(n, self.world) for n in (bound, size)]
        if ends[0] == ends[1] and self.related((bound, size)):
            raise AgainError
        if ends[0] <= ends[1] and not self.sizes.scaled:
            self.sizes.scaled = True
            raise AgainError
        place = self.sizes.place(self.world.named(size))
        if ends[0] <= ends[1] and place and int(bound) > self.sizes.least.get(place, 0):
            self.sizes.least[place] = int(bound)
            raise AgainError

    def too_large(self, shape: tuple[int, ...]) -> None:
        """Refuse to find out what an array is made of that is large where the sizes are open."""
        if self.sizes.free:
            raise OneSizeError(
                f"the loss makes an array of {' x '.join(map(str, shape))} numbers at other sizes, "
                "too large to find out what it is made of; make it before the call and pass it"
            )

    def compared(self, ask: Any, first: Any, second: Any) -> bool:
        """Answer a comparison of sizes as the real ones do, and note it."""
        first, second = (self.world.named(int(v)) if isinstance(v, (int, np.integer)) and
                         not isinstance(v, Named) else v for v in (first, second))  # fmt: skip
        answer = bool(ask(real_of(first, self.world), real_of(second, self.world)))
        op = _NAMES_OF[ask.__name__]
        if (op is equal and answer) or (op is not_equal and not answer):
            plain = [v for v in (first, second) if isinstance(v, int)]
            if len(plain) == 2 and int(first) != int(second):
                self.related((first, second))
                return answer
        exprs = [v.expr if isinstance(v, Named) else self.world.lift(v) for v in (first, second)]
        trivial = exprs[0].op is None and exprs[1] is self.world.lift(0)  # no size is 0
        if exprs[0] is not exprs[1] and not trivial:
            self._note((op if answer else _OPPOSITE[op])(*exprs))
        return answer

    def settled(self, e: Expr) -> bool:
        """Answer a question about inputs that are not differentiated by, as those given do."""
        if any(part.tracked for part in ordered([e])):
            raise BranchError(
                "the function branches on a value that is differentiated (if, while, and, or, "
                "assert), so one formula cannot describe it: use np.where, np.maximum, or derive "
                "the branches one by one"
            )
        try:
            with np.errstate(all="ignore"):
                value = evaluate([e], environment(self.given))[0]
        except (ValueError, IndexError, TypeError, KeyError):
            raise BranchError(
                "the function branches on a value that is made from arrays of its own: branch on "
                "an input, or use np.where"
            ) from None
        answer = bool(value)
        if e.dtype != bool:
            self._note((not_equal if answer else equal)(e, 0))
        elif answer:
            self._note(e)
        else:
            opposite = _OPPOSITE.get(e.op)
            self._note(opposite(*e.args) if opposite else logical_not(e))
        return answer

    def _note(self, fact: Expr) -> None:
        self.facts.append((written(fact), fact))

    def values(self, e: Expr) -> Any:
        """Return values for integers that NumPy asks for: other ones in every trace."""
        if e not in self.handed:
            rng = np.random.default_rng(self.which)
            env: dict[str, Any] = {label_of(place): int(n) for place, n in self.axes.items()}
            for node in ordered([e]):
                if node.op is None and node.label in self.inputs:
                    some = np.asarray(self.given[str(node.label)])
                    if some.dtype.kind not in "iub" or not some.size:
                        e._no_number()
                    drawn = rng.choice(some.ravel(), node.shape)
                    env[str(node.label)] = drawn.astype(some.dtype)
            self.handed[e] = np.asarray(evaluate([e], env)[0])
        return self.handed[e]


# --- three runs, made one ---


def _traced(function: Any, given: dict[str, Any], wrt: tuple[str, ...], sizes: Sizes, scalar: bool,
            value: Any) -> Trace:  # fmt: skip
    """Trace three times, with the relations between sizes that turn up, and make it one."""
    open_ = bool(sizes.free)
    sizes.start = max([SMALLEST, *numbers_in(function, given, 3 * SMALLEST)])
    tried: set[Any] = set()
    for _ in range(60 + len(sizes.places)):
        runs: list[Run] = []
        try:
            for which in range(3):
                runs.append(Run(function, given, wrt, sizes, which, scalar))
                runs[-1].run()
                if runs[-1].related_any:
                    raise AgainError
            return Merge(runs, sizes, wrt).trace(value)
        except AgainError:
            continue
        except (BranchError, GradientLostError, NoRuleError, BackwardError, OneSizeError):
            if runs and runs[-1].related_any:
                continue
            raise
        except Exception as error:  # of the loss, at sizes that may not be its own
            if runs and runs[-1].related_any:
                continue
            if not open_:
                raise
            if _guessed(function, given, wrt, sizes, scalar, runs[-1].steps, tried):
                continue
            if isinstance(error, IndexError) and sizes.start < 3000:
                sizes.start = 3 * sizes.start
            else:
                raise OneSizeError(f"with other sizes the loss fails: {error}") from None
    raise OneSizeError("too many of its sizes depend on one another")


def _guessed(function: Any, given: Any, wrt: Any, sizes: Sizes, scalar: bool, steps: int,
             tried: set[Any]) -> bool:  # fmt: skip
    """Join two sizes that are equal, or make one even, where an error does not say which."""
    free = sizes.free
    pairs = [(a, b) for i, a in enumerate(free) for b in free[i + 1 :]
             if sizes.real[a] == sizes.real[b]][:40]  # fmt: skip
    wishes: list[Any] = [*pairs, *((a, m) for a in free for m in divisors(sizes.real[a]) if m <= 8)]
    for wish in wishes:
        if wish in tried:
            continue
        tried.add(wish)
        a, b = wish
        before = dict(sizes.parent), dict(sizes.multiple)
        if isinstance(b, tuple):
            keep, drop = sorted((a, b), key=sizes.places.index)
            sizes.parent[drop] = keep
        else:
            sizes.multiple[a] = int(np.lcm(b, sizes.multiple.get(a, 1)))
        run = Run(function, given, wrt, sizes, 0, scalar)
        try:
            run.run()
        except (AgainError, BranchError, GradientLostError, NoRuleError):
            return True
        except Exception:  # of the loss: what counts is how far it came
            if run.steps > steps or run.related_any:
                return True
            sizes.parent, sizes.multiple = before
        else:
            return True
    return False


# --- comparing with the plain run ---


def agrees_with_plain_run(traced: Trace, function: Any, given: dict[str, Any]) -> bool:
    """Whether what was traced has the value of the function, run on plain arrays.

    Where the value is not finite, nothing can be said against it.
    """
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = evaluate([traced.output], environment(given))[0]
        wanted = plain_run(function, given)
    return _close(found, wanted, traced.inputs)


def _close(found: Any, wanted: Any, inputs: dict[str, Expr]) -> bool:
    if np.shape(found) != np.shape(wanted):
        return False
    single = any(e.dtype == np.float32 for e in inputs.values())
    finite = np.isfinite(found) & np.isfinite(wanted)
    a, b = np.where(finite, found, 0), np.where(finite, wanted, 0)
    scale = np.max(np.abs(b), initial=0)
    return bool(np.allclose(a, b, rtol=1e-3 if single else 1e-8, atol=1e-9 * scale + 1e-12))


def _agreeing(traced: Trace, function: Any, given: dict[str, Any]) -> None:
    """Raise if the plain run of the function at the inputs given has another value."""
    try:
        if agrees_with_plain_run(traced, function, given):
            return
        found = evaluate([traced.output], environment(given))[0]
    except (ValueError, IndexError) as error:
        if traced.sizes:
            raise OneSizeError(f"at the sizes given, what was traced fails: {error}") from None
        raise
    if traced.sizes:
        raise OneSizeError("the loss takes another course at other sizes")
    raise DerivationError(
        f"{_name_of(function)} is {_shown(traced.value)} on plain arrays, and {_shown(found)} "
        "as it was traced. Does it look at the type of its arguments, keep a state, or write into "
        "memory that a reshaped array may or may not share? Write `x = x * 2` for `x *= 2`"
    )


def _largest(traced: Trace, sizes: dict[str, int]) -> float:
    """Return the number of entries of the largest array that a program makes at some sizes."""
    shapes = {e.shape: None for e in ordered([traced.output])}
    known: dict[Expr, Any] = {}
    evaluate([n.expr for shape in shapes for n in shape if isinstance(n, Dim)], sizes, known)
    return max(
        math.prod(known[n.expr] if isinstance(n, Dim) else n for n in shape) for shape in shapes
    )


def _differs(traced: Trace, function: Any, given: dict[str, Any]) -> str | None:
    """Say at which other sizes the plain function does not do what was traced; None if at none.

    They are small ones, and those that the numbers in the user's code may be compared with.
    """
    rng = np.random.default_rng(0)
    wanted = [traced.draw_sizes(rng, most) for most in (6, 6, 12, 40)]
    numbers = numbers_in(function, given, _FARTHEST)
    wanted += [dict.fromkeys(traced.sizes, n) for n in numbers[:8] if n <= SMALLEST]
    wanted += [wanted[0] | {label: k} for n in numbers for label in [*traced.sizes][:6]
               for k in (n, n - 1, n + 1) if k > 1]  # fmt: skip
    most = 4 + 3000 // len(ordered([traced.output]))  # the larger the program, the fewer
    for sizes in wanted[: min(most, 50)]:
        if not traced.sizes or not sizes or _largest(traced, sizes) > _ENTRIES:
            continue
        try:
            inputs = traced.resampled(given, rng, sizes)
            if traced.misfit(**inputs) is not None:
                continue
            plain = plain_run(function, inputs)
        except Exception:  # the loss need not run at all drawn inputs
            continue
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = evaluate([traced.output], environment(inputs))[0]
            same = _close(found, plain, traced.inputs)
        except ZeroDivisionError:  # nobody can take that for a result
            continue
        except (ValueError, IndexError, TypeError):
            same = False
        if not same:
            shown = ", ".join(f"{label} = {n}" for label, n in list(sizes.items())[:3])
            return f"the loss takes another course at other sizes, as at {shown}"
    return None
