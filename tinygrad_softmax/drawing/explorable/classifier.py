"""Whether a loss is the softmax loss of a classifier that the page can show, and of which.

Numbers decide: the loss and its gradients are compared with the formulas in `by_hand`, at the
inputs given and at drawn ones. How the inputs are called and how the loss is written does not
matter.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ... import by_hand
from ...core.tensor import Tensor
from ...core.transforms import value_and_grad
from ...ir.words import listed, shape_text

#: What the page has room for: a slider for each class, a bar for each example, and a button for
#: each weight.
CLASSES, EXAMPLES, WEIGHTS = 10, 1000, 1000
#: The exponentials of larger scores are not shown.
SCORE = 300.0
#: How large drawn weights are, and how closely numbers have to agree.
_SCALES, _RTOL = (0.3, 1.0, 1.0, 3.0), 1e-9
#: How many roundings, of numbers as large as those that are added up, may come together.
_ROUNDING = 100 * float(np.finfo(float).eps)
_SHOWN = (
    "the explorable page shows the mean cross-entropy of a linear softmax classifier, or of one "
    "with a hidden ReLU layer, plus 0.5 * reg times the sum of the squared weights"
)

Array = NDArray[Any]
Point = dict[str, Any]


class Layer(NamedTuple):
    """The parameters of a layer, and the gradients of the loss; `b` may be missing."""

    W_name: str
    b_name: str | None
    W: Array
    b: Array | None
    dW: Array
    db: Array | None


class Classifier(NamedTuple):
    """A classifier with its data; `prepare` are the lines that make them arrays, and classes."""

    X_name: str
    y_name: str
    X: Array
    y: Array
    layers: tuple[Layer, ...]
    reg: float
    one_hot: bool = False
    prepare: tuple[str, ...] = ()

    @property
    def scores(self) -> Array:
        """The scores, shape (N, K)."""
        rows = self.X
        for n, layer in enumerate(self.layers):
            rows = np.maximum(0, rows) if n else rows
            rows = rows @ layer.W + (0 if layer.b is None else layer.b)
        return rows


class _Roles(NamedTuple):
    """Which input is what; the last layer makes the scores."""

    X: str
    y: str
    layers: tuple[tuple[str, str | None], ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(name for layer in self.layers for name in layer if name is not None)


def recognised(loss: Callable[..., Any], wrt: Any, inputs: Point) -> Classifier:
    """Return the classifier whose softmax loss this is.

    Raises
    ------
    ValueError
        If it is none that the page can show, or `wrt` are not all of its parameters.
    """
    name = getattr(loss, "__name__", "the loss").replace("<lambda>", "the loss")
    signature = inspect.signature(loss)
    _check_names(signature, name, inputs)
    defaults = {p.name: p.default for p in signature.parameters.values()
                if p.default is not p.empty}  # fmt: skip
    given = {key: _in_double(value) for key, value in (defaults | inputs).items()}
    refusals = []
    for roles in _candidates(given):
        found = _compared(loss, name, roles, given)
        if isinstance(found, Classifier):
            _check_sizes(found)
            _check_wrt(roles, wrt)
            return found
        refusals.append(found)
    if told := _unfit_weights(given, loss if refusals else None):
        raise ValueError(told)
    if refusals:
        raise ValueError(f"{_SHOWN}; {min(refusals)[-1]}")
    raise ValueError(_unfit(name, given))


def _check_names(signature: inspect.Signature, name: str, inputs: Point) -> None:
    """Raise unless the inputs are those that the loss takes."""
    parameters = signature.parameters.values()
    rest = any(p.kind is p.VAR_KEYWORD for p in parameters)
    unknown = [key for key in inputs if key not in signature.parameters and not rest]
    if unknown:
        raise TypeError(f"{name} has no parameter called {listed(unknown)}: leave it out")
    missing = [p.name for p in parameters if p.default is p.empty and p.name not in inputs
               and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]  # fmt: skip
    if missing:
        raise TypeError(f"{name} also needs {listed(missing)}: pass it as an input")
    if tensors := [key for key, value in inputs.items() if isinstance(value, Tensor)]:
        raise TypeError(f"{tensors[0]} is a Tensor, and the inputs are arrays: pass its data")


def _unfit_weights(given: Point, loss: Callable[..., Any] | None) -> str | None:
    """Say which weights are no arrays of floats; if there is a loss, it has to be the right one."""
    floats = {key: array.astype(float) for key, array in _arrays(given).items()}
    for roles in _candidates(given | floats):
        wrong = [key for key in roles.parameters if key not in _parameters(given)]
        if not wrong:
            continue
        changed = given | {key: floats[key] for key in wrong}
        with contextlib.suppress(ValueError):
            if loss and not isinstance(_compared(loss, "", roles, changed), Classifier):
                continue
            if isinstance(given[wrong[0]], list):
                return (f"{wrong[0]} is a list, and weights are arrays: "
                        f"pass np.array({wrong[0]}, dtype=float)")  # fmt: skip
            return (f"{wrong[0]} holds integers, and weights are floats: "
                    f"pass {wrong[0]}.astype(float)")  # fmt: skip
    return None


def _unfit(name: str, given: Point) -> str:
    """Say why the inputs are not those of a classifier."""
    arrays = _arrays(given)
    chains = [*_chains(given)]
    if chains:
        X, chain = max(chains, key=lambda one: _explained(arrays, *one))
        n, classes = len(arrays[X]), arrays[chain[-1]].shape[1]
        if n == 0:
            return f"{X} has no examples, and so the loss is no mean: pass at least one"
        if classes < 2:
            return f"{chain[-1]} has scores of a single class: the page shows 2 classes or more"
        biases = [key for key in _parameters(given) if key not in chain
                  and arrays[key].shape in ((classes,), (1, classes))]  # fmt: skip
        others = {key: np.asarray(value) for key, value in given.items()
                  if key not in (X, *chain, *biases) and _plain(value)}  # fmt: skip
        for key, array in others.items():
            if told := _bad_labels(key, array, X, n, classes):
                return told
        return (f"none of the inputs has the labels of the examples in {X}: pass them as an "
                f"input, as classes from 0 to {classes - 1} of the shape ({n},)")  # fmt: skip
    shapes = [f"{key} {shape_text(array.shape)}" for key, array in arrays.items()]
    return (f"{_SHOWN}; {name} has no inputs with the shapes of X (N, D), y (N), W (D, K) and b "
            f"(K), but {listed(shapes) or 'no arrays'}: pass data, labels and weights as "
            "inputs")  # fmt: skip


def _explained(arrays: dict[str, Array], X: str, chain: tuple[str, ...]) -> int:
    """Return how many inputs have a role, as weights or perhaps as a bias, with these weights."""
    widths = {arrays[W].shape[1] for W in chain}
    shapes = [array.shape for key, array in arrays.items() if key not in (X, *chain)]
    return len(chain) + sum(shape in ((k,), (1, k)) for shape in shapes for k in widths)


def _plain(value: Any) -> bool:
    """Whether a value is an array, or a list that can be one."""
    return isinstance(value, np.ndarray) or (isinstance(value, list) and _is_even(value))


def _bad_labels(key: str, array: Array, X: str, n: int, classes: int) -> str | None:
    """Say what is wrong with an input that seems to have the labels."""
    whole = array.dtype.kind in "biu" or (array.dtype.kind == "f" and bool(np.all(array % 1 == 0)))
    if array.dtype.kind in "OSU" and array.shape == (n,):
        return (f"the labels in {key} are no numbers: pass the classes from 0 to {classes - 1}, "
                f"such as np.unique({key}, return_inverse=True)[1]")  # fmt: skip
    if array.dtype.kind not in "biuf":
        return None
    if array.shape == (n, classes) and classes > 1 and n > 1:
        return (f"the rows of {key} are no one-hot labels: each has to have a single 1, at the "
                "label, and 0 elsewhere")  # fmt: skip
    if not whole or array.size == 0:
        return None
    if array.ndim == 2 and array.size == n and 1 in array.shape:
        return (f"{key} has the shape {shape_text(array.shape)}, and labels have the shape "
                f"({n},): pass {key}.ravel()")  # fmt: skip
    if array.ndim != 1:
        return None
    if array.size == n:
        return (f"the labels in {key} go from {array.min():g} to {array.max():g}, and the classes "
                f"of {classes} scores go from 0 to {classes - 1}: pass them as those")  # fmt: skip
    if array.dtype.kind in "biu":
        return (f"{key} has the shape {shape_text(array.shape)}, and labels have the shape "
                f"({n},): pass one for each example in {X}")  # fmt: skip
    return None


def _in_double(value: Any) -> Any:
    """Return an array of floats in the page's precision, and anything else as it is."""
    floats = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return value.astype(float) if floats else value


def _arrays(given: Point) -> dict[str, Array]:
    """Return the inputs that are arrays of numbers, or lists of them."""
    plain = {}
    for name, value in given.items():
        if isinstance(value, np.ndarray) or (isinstance(value, list) and _is_even(value)):
            plain[name] = np.asarray(value)
    return {name: array for name, array in plain.items() if array.dtype.kind in "bfiu"}


def _is_even(tree: list[Any]) -> bool:
    """Whether a list holds numbers, or rows of them that are equally long."""
    if all(isinstance(one, (list, tuple)) for one in tree):
        return len({len(row) for row in tree}) == 1
    return all(np.ndim(one) == 0 for one in tree)


def _candidates(given: Point) -> Iterator[_Roles]:
    """Yield the roles that the inputs could have by their shapes; with biases first."""
    arrays, parameters = _arrays(given), _parameters(given)

    def biases(W: str) -> list[str | None]:
        size = arrays[W].shape[1]
        return [
            *(b for b in parameters if arrays[b].shape in ((size,), (1, size))),
            None,
        ]

    for X, chain in _chains(given):
        n, classes = len(arrays[X]), arrays[chain[-1]].shape[1]
        for y, labels in arrays.items():
            if _labels(labels, n, classes) is None:
                continue
            for first in biases(chain[0]):
                for last in biases(chain[1]) if len(chain) > 1 else [None]:
                    roles = _Roles(X, y, tuple(zip(chain, (first, last), strict=False)))
                    used = (X, y, *roles.parameters)
                    if len({*used}) == len(used):
                        yield roles


def _parameters(given: Point) -> list[str]:
    """Return the inputs with respect to which a loss can be differentiated."""
    return [name for name, value in given.items()
            if isinstance(value, np.ndarray) and value.dtype.kind == "f"]  # fmt: skip


def _chains(given: Point) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield data and the weights of one layer, or of two, that have fitting shapes."""
    matrices = {name: array.shape for name, array in _arrays(given).items() if array.ndim == 2}
    weights = [W for W in _parameters(given) if W in matrices]
    chains: list[tuple[str, ...]] = [(W,) for W in weights]
    chains += [(W, V) for W in weights for V in weights if matrices[W][1] == matrices[V][0]]
    for X, (_, features) in matrices.items():
        for chain in chains:
            if matrices[chain[0]][0] == features and len({X, *chain}) == 1 + len(chain):
                yield X, chain


def _labels(array: Array, n: int, classes: int) -> Array | None:
    """Return the labels that an array holds, as classes or one-hot, if it does."""
    if n == 0 or classes < 2:
        return None
    if array.shape == (n,) and np.isin(array, range(classes)).all():
        return array.astype(np.intp)
    if array.shape == (n, classes) and np.isin(array, (0, 1)).all() and (array.sum(1) == 1).all():
        return np.asarray(np.argmax(array, axis=1))
    return None


def _compared(loss: Callable[..., Any], name: str, roles: _Roles,
              given: Point) -> Classifier | tuple[bool, float, str]:  # fmt: skip
    """Return the classifier, or how the loss differs from its softmax loss: the least first."""
    measure = value_and_grad(loss, roles.parameters)

    def measured(point: Point) -> tuple[float, Point]:
        with np.errstate(all="ignore"):  # what is not finite is said below
            value, gradients = measure(**copy.deepcopy(point))
        return float(value), dict(zip(roles.parameters, gradients, strict=True))

    def at_drawn(point: Point) -> tuple[float, Point]:
        try:
            return measured(point)
        except Exception as error:
            raise ValueError(
                f"{name} failed at drawn inputs, where it is compared with the loss that the page "
                f"shows: {type(error).__name__}: {error}"
            ) from error

    # At the given inputs first: with roles that are not its own, the loss may fail at drawn ones.
    try:
        value, gradients = measured(given)
    except Exception as error:  # labels that are taken for a bias, say, cannot be indices
        if told := _other_value(loss, name, roles, given):
            return True, np.inf, told
        text = f"{name} cannot be differentiated with respect to {listed([*roles.parameters])}"
        return True, np.inf, f"{text}: {type(error).__name__}: {error}"
    if not np.isfinite(value):
        raise ValueError(f"{name} is {value} at the given inputs: explore it where it is finite")
    if differs := _differs(name, roles, given, _reg(roles, given, gradients), value, gradients):
        return True, *differs
    rng = np.random.default_rng(0)
    # Of large data and small weights, the regularisation is lost in the rounding of the gradients.
    point = _drawn(roles, given, rng, 30.0)
    point |= {name: 1e-3 * point[name] for name in (roles.X, *(b for _, b in roles.layers if b))}
    reg = _reg(roles, point, at_drawn(point)[1])
    for scale in _SCALES:
        point = _drawn(roles, given, rng, scale)
        if differs := _differs(name, roles, point, reg, *at_drawn(point), drawn=True):
            return False, *differs
    if differs := _differs(name, roles, given, reg, value, gradients):
        return True, *differs
    return _classifier(roles, given, reg, gradients)


def _other_value(loss: Callable[..., Any], name: str, roles: _Roles, given: Point) -> str | None:
    """Say that a loss without gradients is not the softmax loss, if its values are not."""

    def compared(point: Point) -> tuple[float, float, float]:
        with np.errstate(all="ignore"):
            value = float(loss(**copy.deepcopy(point)))
        squares = 0.5 * sum(float(np.sum(point[W] ** 2)) for W, _ in roles.layers)
        return value, _formulas(roles, point, 0.0)[0], squares

    rng = np.random.default_rng(0)
    try:
        value, softmax, squares = compared(given)
        reg = (value - softmax) / (squares or 1.0)
        drawn = [compared(_drawn(roles, given, rng, scale)) for scale in _SCALES]
    except Exception:  # then the loss has no values
        return None
    if reg > -_RTOL and all(abs(v - s - reg * q) <= 1e-6 * max(1.0, abs(v)) for v, s, q in drawn):
        return None
    return (f"{name} differs: at the given inputs it is {value:.10g} where that cross-entropy is "
            f"{softmax:.10g} and half the sum of the squared weights is {squares:.6g}")  # fmt: skip


def _reg(roles: _Roles, point: Point, gradients: Point) -> float:
    """Return the regularisation that explains the gradients best, 0 if it is only rounding."""
    _, formulas = _formulas(roles, point, 0.0)
    names = [W for W, _ in roles.layers]
    squares = sum(float(np.sum(point[W] ** 2)) for W in names)
    shared = sum(float(np.sum((gradients[W] - formulas[W]) * point[W])) for W in names)
    fitted = shared / (squares or 1.0)
    return float(f"{fitted:.11g}") if fitted > 1e-12 else 0.0


def _differs(name: str, roles: _Roles, point: Point, reg: float, value: float, gradients: Point,
             *, drawn: bool = False) -> tuple[float, str] | None:  # fmt: skip
    """Return by how much a loss differs from the softmax loss at a point, and say so."""
    place = "drawn inputs, though not at the given ones," if drawn else "the given inputs"
    softmax, formulas = _formulas(roles, point, reg)
    squares = 0.5 * sum(float(np.sum(point[W] ** 2)) for W, _ in roles.layers)
    largest, sizes = _sizes(roles, point)
    off = abs(value - softmax) / max(1.0, abs(softmax))
    if not off <= _RTOL + _ROUNDING * largest:
        return _sortable(off), (
            f"{name} differs: at {place} it is {value:.10g} where that cross-entropy is "
            f"{softmax - reg * squares:.10g} and half the sum of the squared weights is "
            f"{squares:.6g}"
        )
    for key, gradient in gradients.items():
        formula = formulas[key].reshape(np.shape(gradient))
        apart = float(np.max(np.abs(gradient - formula)))
        rounding = _ROUNDING * (1 + largest) * sizes[key]
        if not apart <= 10 * _RTOL * float(np.max(np.abs(formula))) + rounding:
            return _sortable(apart), (
                f"{name} differs: at {place} it has the same value, but its gradient with respect "
                f"to {key} is another one, by up to {apart:.4g}"
            )
    return None


def _sizes(roles: _Roles, point: Point) -> tuple[float, dict[str, float]]:
    """Return how large the terms of the scores, and those of each gradient, are added up."""
    rows = [np.abs(np.asarray(point[roles.X], dtype=float))]
    for W, b in roles.layers:
        rows.append(rows[-1] @ np.abs(point[W]) + (0 if b is None else np.abs(point[b])))
    sizes, upstream = {}, np.full(rows[-1].shape, 1 / len(rows[0]))
    for (W, b), inputs in zip(reversed(roles.layers), reversed(rows[:-1]), strict=True):
        sizes[W] = float(np.max(inputs.T @ upstream))
        if b is not None:
            sizes[b] = float(np.max(upstream.sum(axis=0)))
        upstream = upstream @ np.abs(point[W]).T
    return float(np.max(rows[-1])), sizes


def _sortable(difference: float) -> float:
    return difference if np.isfinite(difference) else np.inf


def _classifier(roles: _Roles, given: Point, reg: float, gradients: Point) -> Classifier:
    def layer(W: str, b: str | None) -> Layer:
        if b is None:
            return Layer(W, None, given[W], None, gradients[W], None)
        return Layer(W, b, given[W], given[b], gradients[W], gradients[b])

    X, y = _data(roles, given)
    labels, prepare = given[roles.y], []
    one_hot = np.ndim(labels) == 2
    if isinstance(given[roles.X], list):
        prepare.append("{X} = np.array({X})")
    if one_hot:
        prepare.append("{y} = np.argmax({labels}, axis=1)")
    elif np.asarray(labels).dtype.kind not in "iu":
        prepare.append("{y} = np.array({labels}, dtype=int)")
    layers = tuple(layer(*pair) for pair in roles.layers)
    return Classifier(roles.X, roles.y, X, y, layers, reg, one_hot, tuple(prepare))


def _data(roles: _Roles, point: Point) -> tuple[Array, Array]:
    """Return the examples as floats, and the labels as classes."""
    X, W = np.asarray(point[roles.X], dtype=float), point[roles.layers[-1][0]]
    y = _labels(np.asarray(point[roles.y]), len(X), W.shape[1])
    assert y is not None, "a candidate has labels"
    return X, y


def _formulas(roles: _Roles, point: Point, reg: float) -> tuple[float, dict[str, Array]]:
    """Return the softmax loss and its gradients, by hand."""
    layers: list[Array] = []
    for W, b in roles.layers:
        layers += [point[W], np.zeros(point[W].shape[1]) if b is None else point[b]]
    X, y = _data(roles, point)
    gradients: tuple[Array, ...]
    if len(roles.layers) == 1:
        step = by_hand.linear(layers[0], layers[1], X, y, reg)
        loss, gradients = step.loss, (step.dW, step.db)
    else:
        net = by_hand.two_layer(layers[0], layers[1], layers[2], layers[3], X, y, reg)
        loss, gradients = net.loss, (net.dW, net.db, net.dW2, net.db2)
    names = [name for layer in roles.layers for name in layer]
    return float(loss), {name: g for name, g in zip(names, gradients, strict=True) if name}


def _drawn(roles: _Roles, given: Point, rng: np.random.Generator, scale: float) -> Point:
    """Return the inputs with other data and parameters; whatever else there is stays."""
    X, y = np.asarray(given[roles.X]), np.asarray(given[roles.y])
    classes = given[roles.layers[-1][0]].shape[1]
    labels = rng.integers(0, classes, len(X))
    drawn = labels if y.ndim == 1 else np.eye(classes)[labels]
    point = {**given, roles.X: rng.standard_normal(X.shape), roles.y: drawn.astype(y.dtype)}
    for W, b in roles.layers:
        shape = given[W].shape
        point[W] = scale * rng.standard_normal(shape) / np.sqrt(max(1, shape[0]))
        if b is not None:
            point[b] = rng.standard_normal(given[b].shape)
    return point


def _check_sizes(found: Classifier) -> None:
    """Raise if there is more than the page has room for."""
    sizes = [(found.layers[-1].W.shape[1], CLASSES, "classes"),
             (len(found.X), EXAMPLES, "examples")]  # fmt: skip
    sizes += [(one.W.size, WEIGHTS, f"weights in {one.W_name}") for one in found.layers]
    for size, most, what in sizes:
        if size > most:
            raise ValueError(f"the explorable page shows up to {most} {what}, and here are {size}: "
                             "explore a part of the data, or a smaller classifier")  # fmt: skip
    if found.X.shape[1] == 0:
        raise ValueError(f"{found.X_name} has no features, and so no weight to explore")
    largest = float(np.max(np.abs(found.scores)))
    if largest > SCORE:
        raise ValueError(
            f"the scores reach {largest:.4g}, and the explorable page shows the exponentials of "
            f"scores up to {SCORE:g}: scale {found.X_name} or the weights"
        )


def _check_wrt(roles: _Roles, wrt: Any) -> None:
    """Raise unless the gradients wanted are those that the page shows."""
    chosen = roles.parameters if wrt is None else (wrt,) if isinstance(wrt, str) else tuple(wrt)
    if {*chosen} != {*roles.parameters}:
        raise ValueError(
            f"the page shows the gradients with respect to {listed([*roles.parameters])}, and wrt "
            f"names {listed([*map(str, chosen)])}: leave out wrt"
        )
