"""A learner's functions, and how they are called: functions, methods, both in one.

Imports `results`, `state` and `trees`. Every call has copies of the inputs, and what an object held
before it, it holds after it.
"""

from __future__ import annotations

import dis
import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from copy import deepcopy
from functools import cache, update_wrapper
from types import CoroutineType, FunctionType, GeneratorType, ModuleType, TracebackType
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import BackwardError, DataError, GradientLostError
from ..core.tape import Value
from ..core.tensor import Tensor
from ..core.transforms import check_scalar_loss
from .results import as_returned, by_leaf, chosen, told_apart
from .source import has_loops
from .state import State, found_params, is_shared
from .trees import Inputs, is_real, is_tree, leaves, mapped, shown

Function = Callable[..., Any]

#: Larger arrays are handed over as they are, but cannot be written to.
LARGE = 1_000_000
_MANY, _FEW = 200_000, 40
_LOSSES = ("loss", "cost", "L", "J", "E", "total_loss", "data_loss", "total", "value")
_CACHE = re.compile(r"cache|ctx|context|saved|store|memory|tape|aux|intermediate", re.IGNORECASE)
#: How gradients of several outputs are called.
_SLOPE = re.compile(r"d_?\w+|grad_\w+|\w+_grad")
#: How a backward pass of JAX calls its cache, beside the slope `g`.
_RESIDUALS = re.compile(r"res|residuals")
_UPSTREAM = re.compile(r"d_?(out|loss|L|J|cost|y|z|Z|scores)?|g|grad\w*|upstream|\w*_grad")


class Outcome(NamedTuple):
    """What a call of the gradients came to: by leaf, the loss if it came with them."""

    gradients: dict[str, np.ndarray]
    value: Any
    modified: tuple[str, ...]


class Hand:
    """A loss and its hand-written gradient.

    Parameters
    ----------
    loss : callable
        Returns the loss; with it a cache, or the gradients.
    gradients : callable or None
        Returns the gradients; None if `loss` returns both.
    params : dict or None
        Where methods read their parameters.
    seed : int or None
        Set before every call, in NumPy's and Python's global generators.
    wrt : tuple of str or None
        Inputs, or leaves of them.
    inputs : dict
        The inputs given, those in `params` left out.
    """

    def __init__(self, loss: Any, gradients: Any,
                 params: Any, seed: int | None,
                 wrt: str | tuple[str, ...] | None, inputs: Inputs) -> None:  # fmt: skip
        for function in (loss,) if gradients is None else (loss, gradients):
            owner = getattr(function, "__self__", None)
            if hasattr(type(owner), "__slots__") and not hasattr(owner, "__dict__") and \
                    type(owner).__module__ not in ("builtins", "numpy"):  # fmt: skip
                raise TypeError(f"{type(owner).__name__} keeps its attributes in __slots__, where "
                                "no parameter can be exchanged: leave __slots__ out")  # fmt: skip
            if not callable(function):
                what = type(function).__name__
                raise TypeError(f"two functions are needed, not {what}: pass the loss, and the one "
                                "that returns its gradients, both uncalled")  # fmt: skip
        self._loss, self.joint = _without_float(loss), gradients is None
        self.gradients = loss if gradients is None else gradients
        self.name = getattr(self.gradients, "__name__", "the gradient function")
        self.notes: list[str] = []
        self._has_loss = False
        self._slope: Any = 1.0
        #: of what the loss returned at the last call, which is an array for a layer
        self.out_shape: tuple[int, ...] = ()
        inputs = dict(inputs)
        if seed is not None and "seed" in {*_names(loss), *_names(self.gradients)}:
            inputs, seed = {**inputs, "seed": seed}, None  # an argument like any other
        if params is not None and "params" in {*_names(loss), *_names(self.gradients)}:
            inputs, params = {"params": params, **inputs}, None  # an argument like any other
            wrt = wrt or "params"
        elif params is not None and not isinstance(params, MutableMapping):
            raise TypeError(
                f"params= is a {type(params).__name__}, and no function has an argument params: "
                "pass a dict of the arrays that the methods read, as vars(model)"
            )
        elif params is None:
            asked = (wrt,) if isinstance(wrt, str) else wrt or ()
            params = found_params(loss, self.gradients, asked, inputs)
        if not inputs and not params:
            raise TypeError("no inputs were given: pass those of the loss by name, W=W, X=X")
        self.loss_function, self.loops = loss, has_loops(loss)
        self._state = State((loss, self.gradients), params, seed, tuple(inputs.values()))
        #: objects that are handed over, which are put back instead of being copied
        self._handed = {n: v for n, v in inputs.items()
                        if any(v is o for o in self._state.objects)}  # fmt: skip
        self._slopes: list[str] = []
        #: the argument of a backward pass that is the gradient coming in
        self.coming = None if self.joint else self._incoming(inputs)
        self._refuse_unknown(inputs)
        own = {n: v for n, v in (params or {}).items() if n not in inputs}
        if self._state.is_vars:
            own = {n: v for n, v in own.items() if any(is_real(leaf) for _, leaf in leaves(v))}
        #: all inputs, of which those of the object are among them, as they were given
        self.given: dict[str, Any] = {n: _checked(n, v) for n, v in (inputs | own).items()}
        names = (wrt,) if isinstance(wrt, str) else wrt
        if names is None and params and not self._state.is_vars:
            names = tuple(own) or tuple(params)
        self._roots: tuple[str, ...] = names or ()
        self._is_alone = self.joint
        given, first = self._first()
        # whether the gradients need nothing that a call of the loss leaves behind
        named = {*_names(self.gradients)} <= {*self.given} and not self._has_loss
        shared = bool(self._state.objects) or is_shared(loss, self.gradients)
        self._is_alone = self.joint or (named and not shared)
        self._roots = chosen(first.result, names, self.given, self.name)
        found = by_leaf(first.result, self._roots, self.given, self.name, self._state.is_vars)
        self.wrt: tuple[str, ...] = tuple(found)
        if not found:
            held = [n for root in self._roots for n, _ in leaves(self.given[root], root)]
            raise DataError(f"{held[0] if held else 'what is given'} holds integers, which "
                            f"cannot be nudged: pass {held[0]}.astype(float)" if held else
                            "no gradient was returned")  # fmt: skip
        self._refuse_whole_numbers()
        self._note_an_exchange(found, dict(leaves(given)))
        #: the shapes of each gradient and its parameter, at the inputs given if these are not large
        self.both_shapes = {n: (np.shape(g), np.shape(dict(leaves(given))[n]))
                            for n, g in found.items()}  # fmt: skip
        #: gradients that have the shape of their parameter there
        self.shapes = {n: mine for n, (mine, true) in self.both_shapes.items() if mine == true}

    @property
    def is_plain(self) -> bool:
        """Whether the loss is a function of its arguments, the parameters among them."""
        return not self._state.objects and all(name in self.given for name in self.wrt)

    def _first(self) -> tuple[dict[str, Any], _Called]:
        """Call the functions for the first time; with some of the entries, if there are many."""
        if sum(np.size(v) for _, v in leaves(self.given) if isinstance(v, np.ndarray)) > _MANY:
            some: dict[str, Any] = mapped(_some, self.given)
            try:
                return some, self._called(some)
            except Exception:  # a learner's code may raise anything at sizes not its own
                pass
        try:
            return self.given, self._called(self.given)
        except Exception as error:  # whatever the learner's code raises is passed on with a note
            arrays = {n: v for n, v in leaves(self.given) if np.ndim(v)}
            error.add_note(f"raised at the inputs given: {shown(arrays)}")
            if isinstance(error, BackwardError) and self._are_swapped():
                raise TypeError(
                    f"the first function returned gradients, and {self.name} a number: swap them, "
                    "check_gradients(loss, gradients)"
                ) from error
            raise

    def _are_swapped(self) -> bool:
        """Whether the second function returns a number, and the first one does not."""
        try:
            found = None if self.joint else self._call(self.gradients, copied(self.given))
        except Exception:  # the learner's code may need a cache, and raise anything without
            return False
        return isinstance(found, (float, np.floating)) or (
            isinstance(found, np.ndarray) and found.size == 1
        )

    # --- the loss ---

    def loss(self, inputs: Inputs) -> Any:
        """Return the loss at some inputs: numbers, tensors or expressions."""
        if any(isinstance(value, Tensor) for _, value in leaves(inputs)):
            inputs = mapped(_constant, inputs)  # ``X.dot(W)`` of an array is not the tape's
        try:
            with self._state.at(inputs):
                value = self._call(self._loss, inputs)
        except (GradientLostError, TypeError, ValueError) as error:
            value = _before_the_gradient(error) if self.joint else None
            if value is None:
                raise
        return self._scalar(told_apart(value, self.joint)[0], inputs)

    def _incoming(self, inputs: Inputs) -> str | None:
        """Return the argument of backward that is the gradient that comes in, if there is one."""
        rest = [n for n in _names(self.gradients) if n not in _names(self._loss)]
        named = [n for n in rest if _UPSTREAM.fullmatch(n)]
        given = [n for n in rest if is_real(inputs.get(n))]
        free = [n for n in rest if n not in inputs and not _CACHE.search(n)]
        if len(free) == len(rest):  # no cache that the others would go with
            free = []
        self._slopes = [n for n in free if _SLOPE.fullmatch(n)]
        return next(iter([*named, *given, *(free if len(free) == 1 else self._slopes)]), None)

    def _weights(self, value: Any, inputs: Inputs) -> Any:
        """Return the gradient that comes into a layer: the one given, or always the same."""
        if self.coming is not None and self.coming in inputs:
            return inputs[self.coming]
        return 1.0 if np.size(value) == 1 else _slopes(tuple(map(int, np.shape(value))))

    def with_incoming(self, inputs: Inputs) -> dict[str, Any]:
        """Return copies, of a layer's also the gradient that comes in: what is derived names it."""
        made = copied(inputs)
        if self.coming is not None and self.coming not in made:
            self.loss(copied(inputs))
            if math.prod(self.out_shape) > 1:
                made[self.coming] = _slopes(self.out_shape).copy()
        return made

    def _scalar(self, value: Any, inputs: Inputs) -> Any:
        """Return a loss without axes; raise if it is none."""
        shape = getattr(value, "shape", ())
        if isinstance(value, np.ndarray):
            self.out_shape = shape
            if not value.size:  # any gradient would be right
                raise ValueError(f"the loss returned an array without entries, {shape}: is a "
                                 "window larger than what it moves over?")  # fmt: skip
        if self.coming is not None and shape not in ((), (1,), (1, 1)):  # of a layer
            weights = self._weights(value, inputs)
            if isinstance(weights, Value) or np.shape(weights) == shape:
                value = np.sum(value * weights)
        if getattr(value, "shape", ()) in ((1,), (1, 1)):
            value = value.reshape(())
        number = isinstance(value, (Value, np.ndarray, np.generic, bool, int, float))
        if not isinstance(value, Value) and np.asarray(value).dtype.kind == "c":
            raise BackwardError("the loss is a complex number, which has no gradient: return a "
                                "real one, as by .real or np.abs")  # fmt: skip
        if not number or np.shape(value) != ():
            check_scalar_loss(value, getattr(self._loss, "__name__", "the loss"),
                              ", ".join(getattr(self, "wrt", ())) or "the parameters")  # fmt: skip
        return value

    # --- the gradients ---

    def run(self, inputs: Inputs) -> Outcome:
        """Return what a call of the gradients on copies of the inputs came to."""
        called = self._called(inputs)
        whole = called.result
        if self._state.is_vars and isinstance(whole, Mapping):
            whole = {k: v for k, v in whole.items() if v is not None}
        found = by_leaf(whole, self._roots, inputs, self.name, self._state.is_vars)
        taped = [n for n, g in found.items() if isinstance(g, Value)]
        if taped:
            raise TypeError(f"{self.name} returned a {type(found[taped[0]]).__name__} as the "
                            f"gradient of {taped[0]}: it is made of plain arrays")  # fmt: skip
        missing = [n for n in self.wrt if n not in found]
        if missing:
            raise TypeError(f"{self.name} returned no gradient for {', '.join(missing)}")
        gradients = {n: np.array(found[n]) for n in self.wrt}
        odd = [n for n, g in gradients.items() if g.dtype.kind not in "fiubc"]
        if odd:
            dtype = f" of dtype {gradients[odd[0]].dtype}" if np.ndim(found[odd[0]]) else ""
            raise TypeError(f"{self.name} returned {type(found[odd[0]]).__name__}{dtype} as the "
                            f"gradient of {odd[0]}: an array of numbers is needed, as by "
                            ".astype(float)")  # fmt: skip
        return Outcome(gradients, called.value, called.modified)

    def _called(self, inputs: Inputs) -> _Called:
        with self._state.at(copied(inputs)) as state:
            # first the loss, on copies of its own: it may keep what its gradient reads
            value, extras = None, []
            if not self._is_alone:
                value, *extras = told_apart(self._call(self._loss, copied(inputs)), False)
                if np.size(value) > 1 and len(self._slopes) > 1:
                    raise TypeError(
                        f"{self.name} takes {len(self._slopes)} gradients that come in, "
                        f"{', '.join(self._slopes)}, but one output can be checked: join the "
                        "outputs, as by np.concatenate, and split the gradient of the whole"
                    )
                slope = self._weights(value, inputs)  # which a backward pass may write to
                self._slope = slope.copy() if isinstance(slope, np.ndarray) else slope
                value = self._scalar(value, inputs)
            state.reseed()
            copies = copied(inputs) | {n: v for n, v in state.own.items() if n in inputs}
            was = {n: v.copy() for n, v in leaves(copies)
                   if isinstance(v, np.ndarray) and v.flags.writeable}  # fmt: skip
            result = self._call(self.gradients, copies, extras)
            if isinstance(result, (str, CoroutineType, GeneratorType)):
                if not isinstance(result, str):
                    result.close()
                raise TypeError(f"{self.name} returned a {type(result).__name__}: return a dict "
                                "by parameter, or a tuple in their order")  # fmt: skip
            if self.joint:
                value, result = told_apart(result, True)
                if result is None:
                    raise TypeError(
                        f"`{self.name}` returned one value, and with one function it must be "
                        "(loss, gradients): or pass the gradient function as the second argument"
                    )
                value = self._scalar(value, inputs)
            else:
                self._has_loss = isinstance(result, tuple) and any(np.ndim(v) == 0 for v in result
                                                                   if not is_tree(v))  # fmt: skip
                count = len(self._roots) or None
                result, value = as_returned(result, count, value), None
            if result is None:
                result = state.left_behind([*self.given])
            now = dict(leaves(copies))
            modified = tuple(n for n, v in was.items() if not np.array_equal(
                v, now[n], equal_nan=v.dtype.kind == "f"))  # fmt: skip
        if result is None:
            raise TypeError(f"`{self.name}` returned None: is `return` missing?")
        return _Called(deepcopy(result), value, modified)

    # --- arguments ---

    def _call(self, function: Function, inputs: Inputs, extras: list[Any] | None = None) -> Any:
        """Call a function with the inputs that it takes, by name."""
        inputs = {**inputs, **self._handed}
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):  # written in C
            return function(**inputs)
        names = [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        held = {n: inputs[n] for n in inputs if n in names or not self._state.holds(n)}
        taken = {n: held[n] for n in names if n in held}
        wanting = [p.name for p in parameters if p.name in names and p.name not in held
                   and p.default is p.empty]  # fmt: skip
        taken |= self._filled(wanting, names, held, extras)
        if any(p.kind is p.VAR_KEYWORD for p in parameters):
            taken |= {n: v for n, v in held.items() if n not in taken}
        first = [taken.pop(p.name) for p in parameters
                 if p.kind is p.POSITIONAL_ONLY and p.name in taken]  # fmt: skip
        if any(p.kind is p.VAR_POSITIONAL for p in parameters) and not names:
            return function(*held.values())
        return function(*first, **taken)

    def _filled(self, wanting: list[str], names: list[str], held: dict[str, Any],
                extras: list[Any] | None) -> dict[str, Any]:  # fmt: skip
        """Return arguments that are no inputs: a cache, the slope of the loss, other spellings."""
        if not wanting:
            return {}
        rest, found = {n: v for n, v in held.items() if n not in names}, dict[str, Any]()
        of_loss = extras is None
        by_case = {n.lower(): n for n in rest}
        for name in [n for n in wanting if n.lower() in by_case]:
            found[name] = rest.pop(by_case[name.lower()])
        left = [n for n in wanting if n not in found]
        extras = list(extras or [])
        slope = next((n for n in left if _UPSTREAM.fullmatch(n) or n == self.coming), None)
        packed = extras[0] if len(extras) == 1 and isinstance(extras[0], tuple) else ()
        if len(extras) > len(left) == 1:  # a cache of several things, or the first of them
            extras = [tuple(extras)] if _CACHE.search(left[0]) else extras[:1]
        if len(packed) == len(left) > 1 and slope in (None, "d", "g") and not any(
            map(_CACHE.search, left)
        ) and not (slope and any(map(_RESIDUALS.fullmatch, left))):  # fmt: skip
            extras = list(packed)
        elif extras and len(left) == len(extras) + 1:
            slope = slope or left[0]
            found[slope] = self._slope
            left.remove(slope)
        elif not extras and not of_loss and left == [slope] and (
            not rest or np.ndim(self._slope) > 0
        ):  # fmt: skip
            return found | {left[0]: self._slope}
        if len(left) == len(extras):
            return found | dict(zip(left, extras, strict=True))
        if not extras and len(left) == len(rest):  # the same places under other names
            self._note("; ".join(f"{n} is taken to be {other}"
                                 for n, other in zip(left, rest, strict=True)))  # fmt: skip
            return found | dict(zip(left, rest.values(), strict=True))
        raise TypeError(
            f"{', '.join(left)} is taken by {'the loss' if of_loss else self.name}, but "
            f"the inputs are {', '.join(held) or 'none'}: pass {left[0]}=..."
        )

    # --- what is said of the inputs given ---

    def _refuse_unknown(self, inputs: Inputs) -> None:
        """Refuse inputs that no function takes, where none is missing either."""
        known: set[str] = set()
        for function in (self._loss, self.gradients):
            try:
                parameters = list(inspect.signature(function).parameters.values())
            except (TypeError, ValueError):  # written in C
                return
            if any(p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) or (
                p.default is p.empty and p.name not in inputs) for p in parameters):  # fmt: skip
                return
            known |= {p.name for p in parameters}
        unknown = [n for n in inputs if n not in known]
        if unknown and known:
            raise TypeError(f"no function takes {', '.join(unknown)}: leave it out, or check how "
                            "it is written")  # fmt: skip

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _refuse_whole_numbers(self) -> None:
        given = dict(leaves(self.given))
        for name in self.wrt:
            value = given[name]
            if not is_real(value):
                instead = f"{name}.astype(float)" if np.ndim(value) else f"float({name})"
                raise DataError(f"{name} holds integers, which cannot be nudged: convert it "
                                f"to float, {instead}")  # fmt: skip

    def _note_an_exchange(self, found: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        """Note gradients that have the shapes of the parameters in another order."""
        got = [np.shape(v) for v in found.values()]
        wanted = [np.shape(given[n]) for n in found]
        if got != wanted and sorted(got) == sorted(wanted):
            self.notes.append(
                f"{self.name} returns arrays of the shapes {', '.join(map(str, got))}, but the "
                f"parameters are {shown({n: given[n] for n in found})}: is the order another?"
            )


def _without_float(function: Any) -> Any:
    """Return a function in which ``float(loss)`` lets the loss be differentiated."""
    code = getattr(function, "__code__", None)
    if not isinstance(function, FunctionType) or code is None or "float" not in code.co_names or (
        "float" in function.__globals__
        or any(i.opname == "STORE_GLOBAL" for i in dis.get_instructions(code))
    ):  # fmt: skip
        return function

    class Float(float):
        def __new__(cls, x: Any = 0.0) -> Any:
            return x if isinstance(x, Value) else float(x)

    made = FunctionType(code, {**function.__globals__, "float": Float}, function.__name__,
                        function.__defaults__, function.__closure__)  # fmt: skip
    return update_wrapper(made, function)


@cache
def _slopes(shape: tuple[int, ...]) -> Any:
    """Return the gradient that comes into a layer; the loss is called very often."""
    rng = np.random.default_rng(5)
    made = rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.5, shape)
    made.flags.writeable = False
    return made


class _Called(NamedTuple):
    result: Any
    value: Any
    modified: tuple[str, ...]


def _names(function: Function) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


def copied(inputs: Inputs) -> dict[str, Any]:
    """Return copies; of a large array a view that cannot be written to."""
    memo: dict[int, Any] = {}
    for _, value in leaves(inputs):
        if isinstance(value, np.ndarray) and value.size > LARGE:
            memo[id(value)] = view = value.view()
            view.flags.writeable = False
        elif isinstance(value, (ModuleType, GeneratorType)) or callable(value):
            memo[id(value)] = value
    return deepcopy(dict(inputs), memo)


def _some(path: str, value: Any) -> Any:
    """Return the first entries along each axis; labels stay within as many classes."""
    if not isinstance(value, np.ndarray):
        return value
    few = value[tuple(slice(_FEW) for _ in value.shape)]
    return few % _FEW if few.dtype.kind in "iu" and np.max(few, initial=0) >= _FEW else few


def _constant(path: str, value: Any) -> Any:
    is_array = isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim > 0
    return Tensor(value, requires_grad=False, copy=False) if is_array else value


def _checked(name: str, value: Any) -> Any:
    """Return an input, lists of numbers as arrays; refuse what cannot be copied or nudged."""
    if isinstance(value, list) and value and not any(
        isinstance(leaf, np.ndarray) or not isinstance(leaf, (bool, int, float, np.number))
        for _, leaf in leaves(value)
    ):  # fmt: skip
        try:
            return np.asarray(value)
        except ValueError:  # of unequal lengths
            return value
    for path, leaf in leaves(value, name):
        said = _refusal(path, leaf)
        if said:
            raise DataError(said)
    return value


def _refusal(path: str, leaf: Any) -> str:
    kind, module = type(leaf).__name__, type(leaf).__module__.partition(".")[0]
    if isinstance(leaf, Iterator):
        return f"{path} is a {kind}, which can be read only once: pass list({path})"
    if isinstance(leaf, Value):
        return f"{path} is a {kind} of this package: pass plain arrays, {path}.data"
    if isinstance(leaf, np.ma.MaskedArray):
        return (f"{path} is a masked array: pass {path}.filled(0) and the mask as an input of its "
                "own, np.ma.getmaskarray(...)")  # fmt: skip
    if module == "torch":
        return f"{path} is a torch.{kind}: pass {path}.detach().cpu().numpy()"
    if module in ("pandas", "polars"):
        return f"{path} is a {kind} of {module}: pass {path}.to_numpy()"
    if hasattr(leaf, "toarray") and hasattr(leaf, "nnz"):
        return f"{path} is a sparse {kind}: pass {path}.toarray()"
    if isinstance(leaf, (np.ndarray, np.generic)):
        if leaf.dtype == np.float16:
            return (f"{path} is float16, too coarse to check a gradient in: pass "
                    f"{path}.astype(float)")  # fmt: skip
        if leaf.dtype.kind == "O":
            return (f"{path} {np.shape(leaf)} is an array of Python objects: pass "
                    f"{path}.astype(float), or a list of arrays")  # fmt: skip
        if not leaf.size:
            return f"{path} {leaf.shape} is empty, and nothing can be compared without entries"
        if leaf.dtype.kind == "c":
            return f"{path} is complex: pass {path}.real and {path}.imag as two inputs"
    return ""


def _before_the_gradient(error: BaseException) -> Any:
    """Return the loss of a function that computes it, and then its gradient by hand.

    The hand-written part writes into arrays, which no traced value allows; by then the loss is the
    local variable that the function will return first.
    """
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        held = trace.tb_frame.f_locals
        for name in _LOSSES:
            if isinstance(held.get(name), Value) and np.shape(held[name]) in ((), (1,), (1, 1)):
                return held[name]
        trace = trace.tb_next
    return None
