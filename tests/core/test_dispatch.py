"""A NumPy function called on a Tensor has NumPy's signature, or refuses what it does not take.

The calls are made from `inspect.signature` of NumPy's own functions, so a function that joins the
vocabulary is tried without a word here, unless it cannot be called with one array.
"""

import inspect
import re
import warnings

import numpy as np
import pytest

import tinygrad_softmax as tg
from tinygrad_softmax import Tensor
from tinygrad_softmax.core.dispatch import _signature
from tinygrad_softmax.core.op import NUMPY

X = np.array([[0.6, 0.3, 0.8], [0.4, 0.7, 0.2], [0.5, 0.1, 0.9]])
V = np.array([0.2, 0.9, 0.4])
#: Arguments without a default, by name or for one function.
GIVEN = {
    "indices_or_sections": 3, "shift": 1, "repeats": 2, "reps": 2, "pad_width": 1, "axis1": 0,
    "axis2": 1, "source": 0, "destination": 1, "obj": 1, "q": 0.3, "window_shape": 2,
    "dtype": np.float32, "fill_value": 2.0, "new_shape": (2, 2), "condlist": [X > 0.5],
    "choicelist": [X], "condition": X > 0.5, "subscripts": "ij->j", "operands": X,
    "indices": [0, 2], "values": X, "xp": [0.0, 1.0, 2.0], "fp": V,
    "tup": [X, X], "arrays": [X, X],
}  # fmt: skip
OWN = {
    "take_along_axis": {"indices": np.array([[0, 1, 2]]), "axis": 0}, "expand_dims": {"axis": 0},
    "broadcast_to": {"shape": (2, 3, 3)}, "reshape": {"shape": (9,), "newshape": (9,)},
    "resize": {"new_shape": (2, 2)},
    "rollaxis": {"axis": 1}, "convolve": {"a": V, "v": V[:2]}, "cross": {"a": X, "b": X},
    "dsplit": {"ary": np.stack([X, X, X], 2)}, "interp": {"x": X}, "linalg.cross": {"x1": X,
    "x2": X},
    "linalg.solve": {"a": X + 2 * np.eye(3), "b": X}, "linalg.inv": {"a": X + 2 * np.eye(3)},
    "linalg.cholesky": {"a": X @ X.T + np.eye(3)}, "squeeze": {"a": X[None]}, "einsum": {},
    "linalg.vecdot": {"x1": X, "x2": X}, "outer": {"a": V, "b": V}, "linalg.outer": {"x1": V,
    "x2": V},
}  # fmt: skip
#: Values other than the default, by name: each is taken as NumPy takes it or refused by name.
OTHERS = {
    "axis": [0, -1, (0,), [0], np.int64(1), None], "keepdims": [True, np.True_], "ddof": [1, 0.5],
    "dtype": [np.float32, "f8"], "where": [X > 0.3, True], "initial": [0.25], "out": [np.zeros(3)],
    "k": [1, -1], "n": [2], "kind": ["stable"], "stable": [True], "mode": ["wrap", "edge", "same"],
    "order": ["F", "A"], "offset": [1], "a_min": [0.3], "a_max": [0.5], "min": [0.3], "max": [0.5],
    "decimals": [1], "weights": [X], "returned": [True], "rowvar": [False], "bias": [True],
    "prepend": [0.5], "append": [0.5], "edge_order": [2], "ord": [1, np.inf, "fro"],
    "upper": [True],
    "left": [0.1], "right": [0.1], "correction": [1], "mean": [np.zeros((1, 3))], "nan": [1.0],
    "method": ["linear", "lower"], "overwrite_input": [True], "copy": [True], "subok": [True],
    "casting": ["unsafe"], "default": [1.0], "optimize": [True], "start": [1], "axes": [0, 1],
}  # fmt: skip
SKIP = {"shape", "ndim", "size", "copyto"}  # give a number of a shape; always refused


def title(function):
    module = getattr(function, "__module__", None) or "numpy"
    name = f"{module}.{function.__name__}".removeprefix("numpy.")
    return name if name.startswith("linalg.") else function.__name__


FUNCTIONS = {
    title(function): function
    for function in NUMPY
    if getattr(np, title(function).rpartition(".")[2], None) is function
    or title(function).startswith("linalg.")
}
FUNCTIONS = {
    name: function for name, function in FUNCTIONS.items()
    if name not in SKIP and not isinstance(function, np.ufunc) and _signature(function)
}  # fmt: skip


def arguments(name):
    """The required arguments of a function, by name, in order."""
    given = {}
    for parameter in _signature(FUNCTIONS[name]).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            given[parameter.name] = (
                ("ij->j", X) if name == "einsum" else (X,) * (name != "gradient")
            )
        elif parameter.kind is parameter.VAR_KEYWORD:
            continue
        elif parameter.default is parameter.empty or parameter.name in OWN.get(name, {}):
            own = OWN.get(name, {}).get(parameter.name)
            given[parameter.name] = GIVEN.get(parameter.name, X) if own is None else own
    return given


def called(name, given, wrap, by_name=False):
    """Call with the required arguments by position (or by name), what else is given by name."""
    signature = _signature(FUNCTIONS[name])
    front, named = [], {}
    for key, value in given.items():
        kind = signature.parameters[key].kind
        values = value if kind is inspect.Parameter.VAR_POSITIONAL else (value,)
        values = tuple(map(wrapped, values)) if wrap else values
        if (
            kind is inspect.Parameter.VAR_POSITIONAL
            or kind is inspect.Parameter.POSITIONAL_ONLY
            or (
                kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
                and not by_name
                and signature.parameters[key].default is inspect.Parameter.empty
            )
        ):
            front += values
        else:
            named[key] = values[0]
    return FUNCTIONS[name](*front, **named)


def wrapped(value):
    """Arrays of floats as Tensors, in lists too."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return Tensor(value)
    if isinstance(value, list) and any(isinstance(v, np.ndarray) for v in value):
        return [wrapped(v) for v in value]
    return value


def flat(result):
    """Every array of a result, as plain ones."""
    if isinstance(result, (tuple, list)):
        return [array for part in result for array in flat(part)]
    return [np.asarray(result.data if isinstance(result, Tensor) else result)]


def assert_taken_or_refused(name, given, argument=None, by_name=False):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            expected = called(name, given, wrap=False, by_name=by_name)
        except Exception:
            return  # NumPy does not take it
        refusal, result = None, None
        try:
            result = called(name, given, wrap=True, by_name=by_name)
        except (tg.NoRuleError, tg.GradientLostError, tg.DataError, ValueError) as error:
            refusal = error
    if refusal is not None:
        assert argument is not None, refusal
        assert re.search(rf"\b{argument}\b", str(refusal)), refusal
        return
    for mine, theirs in zip(flat(result), flat(expected), strict=True):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("by_name", [False, True])
def test_required_arguments_are_taken_by_position_and_by_name(name, by_name):
    assert_taken_or_refused(name, arguments(name), by_name=by_name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_defaults_may_be_spelt_out(name):
    given = arguments(name)
    for key, parameter in _signature(FUNCTIONS[name]).parameters.items():
        spelt = (bool, int, float, str, type(None))
        if key not in given and isinstance(parameter.default, spelt) and key != "newshape":
            assert_taken_or_refused(name, given | {key: parameter.default})


@pytest.mark.parametrize("name", FUNCTIONS)
def test_defaults_may_be_spelt_out_by_position(name):
    signature = _signature(FUNCTIONS[name])
    positional = [
        p for p in signature.parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]  # fmt: skip
    given = arguments(name)
    if name == "where":
        pytest.skip("None is not what is meant by leaving x and y out")
    if any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values()):
        pytest.skip("takes any number of arrays")
    values = []
    for parameter in positional:
        known = parameter.name in given
        default = parameter.default
        if not known and not isinstance(default, (bool, int, float, str, type(None))):
            break  # NumPy's "not given" cannot be written
        values.append(given[parameter.name] if known else default)
    function = FUNCTIONS[name]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        result, expected = function(*map(wrapped, values)), function(*values)
    for mine, theirs in zip(flat(result), flat(expected), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_other_argument_is_taken_as_numpy_takes_it_or_refused_by_name(name):
    given = arguments(name)
    tried = 0
    for key, parameter in _signature(FUNCTIONS[name]).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD or key in given:
            continue
        for value in OTHERS.get(key, []):
            assert_taken_or_refused(name, given | {key: value}, argument=key)
            tried += 1
    optional = [
        p for p in _signature(FUNCTIONS[name]).parameters.values() if p.default is not p.empty
    ]
    assert tried or all(p.name in given or p.name not in OTHERS for p in optional)


METHODS = ["sum", "prod", "mean", "var", "std", "max", "min", "all", "any", "argmax", "argmin",
"cumsum",
           "cumprod", "clip", "dot", "trace", "ravel", "flatten", "squeeze", "swapaxes", "repeat",
           "diagonal", "take", "round", "argsort", "nonzero"]  # fmt: skip
CALLS = [
    ("sum", (0,), {}), ("sum", (0, np.float64, None, True), {}), ("sum", (), {"where": X > 0.4}),
    ("sum", (), {"initial": 2.0}), ("prod", (), {"dtype": np.float64}), ("prod", (1, None, None),
    {}),
    ("mean", (), {"where": X > 0.4}), ("mean", (0, None, None, True), {}), ("var", (0, None, None,
    1), {}),
    ("std", (), {"ddof": 1, "keepdims": True}), ("max", (0, None, True), {}), ("min", (),
    {"initial": 0.3}),
    ("max", (), {"where": X > 0.4, "initial": 0.0}), ("all", (0,), {}), ("any", (),
    {"keepdims": True}),
    ("argmax", (1, None), {"keepdims": True}), ("argmin", (), {}), ("cumsum", (0, None), {}),
    ("cumprod", (1,), {}), ("clip", (0.3, 0.6, None), {}), ("clip", (), {"max": 0.5}), ("dot",
    (X,), {}),
    ("trace", (1, 0, 1), {}), ("ravel", ("F",), {}), ("flatten", ("C",), {}), ("flatten", (),
    {"order": "F"}),
    ("squeeze", (), {}), ("swapaxes", (0, 1), {}), ("repeat", (2,), {"axis": 1}), ("diagonal",
    (1,), {}),
    ("take", ([0, 4], None, None, "wrap"), {}), ("take", ([0], 1), {}), ("round", (1,), {}),
    ("argsort", (0,), {"kind": "stable"}), ("nonzero", (), {}), ("reshape", (9,), {"order": "F"}),
    ("transpose", ((1, 0),), {}), ("astype", (np.float32,), {"copy": False}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "args", "kwargs"), CALLS)
def test_a_method_takes_what_arrays_methods_take(method, args, kwargs):
    mine, theirs = getattr(Tensor(X), method)(*args, **kwargs), getattr(X, method)(*args, **kwargs)
    for one, other in zip(flat(mine), flat(theirs), strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(one, other, rtol=1e-13)


def test_every_method_has_a_call_above():
    assert set(METHODS) <= {method for method, _, _ in CALLS}


@pytest.mark.parametrize(
    "looks",
    [
        lambda t, x: np.isclose(a=t, b=x).all(),
        lambda t, x: np.isclose(x, b=t).all(),
        lambda t, x: np.allclose(a=x, b=t),
        lambda t, x: np.array_equal(a1=t, a2=x),
        lambda t, x: np.zeros_like(a=t).shape == (3, 3),
        lambda t, x: np.ones_like(t, dtype=int).dtype.kind == "i",
        lambda t, x: np.empty_like(prototype=t).shape == (3, 3),
        lambda t, x: np.result_type(x, t) == np.float64,
        lambda t, x: np.searchsorted(V[[0, 2, 1]], v=t).shape == (3, 3),
        lambda t, x: np.count_nonzero(t > 0.5) == np.count_nonzero(x > 0.5),
        lambda t, x: np.isin(t, [0.6]).sum() == 1,
    ],
)
def test_functions_that_only_look_take_tensors_anywhere(looks):
    assert looks(Tensor(X), X)


@pytest.mark.parametrize(
    "loss",
    [
        lambda s: np.sum(np.full_like(X, s)), lambda s: np.sum(np.full_like(X, fill_value=s) * X),
        lambda s: np.sum(np.clip(X, s, 0.9)), lambda s: np.sum(np.clip(X, a_min=None, a_max=s)),
        lambda s: np.sum(X, initial=s), lambda s: np.max(X, initial=s + 1), lambda s: np.prod(V,
        initial=s),
        lambda s: np.sum(np.where(X > 0.5, s, 0.0)),
        lambda s: np.sum(np.average(X, weights=X * s + 1)), lambda s: np.sum(np.diff(V,
        prepend=s) ** 2),
        lambda s: np.sum(np.diff(V, append=s) ** 2), lambda s: np.sum(np.select([X > 0.5], [X], s)),
        lambda s: np.sum(np.select([X > 0.5], [s * X])), lambda s: np.sum(np.nan_to_num(X,
        nan=s) * s),
        lambda s: np.sum(np.interp(0.5, [0.0, 1.0], [s, 2.0])), lambda s: np.sum(np.block([[s,
        1.0]])),
        lambda s: np.sum(np.append(X, s) ** 2), lambda s: np.sum(np.convolve(V, np.stack([s, s]))),
        lambda s: np.sum(np.pad(V, 1, constant_values=s)), lambda s: np.sum(np.heaviside(V - V, s)),
        lambda s: np.interp(0.5, [0.0, 1.0], [2.0, 3.0], left=s) + s, lambda s: np.var(X,
        mean=s * np.ones((1, 1))),
    ],
)  # fmt: skip
def test_a_tensor_in_any_argument_has_its_gradient_or_is_refused(loss):
    refusal, slope = None, None
    try:
        slope = tg.grad(loss)(0.45)
    except (tg.NoRuleError, tg.GradientLostError) as error:
        refusal = error
    if refusal is not None:
        assert re.search(r"np\.|would lose the gradient of s", str(refusal))
    else:
        measured = (loss(0.45 + 1e-6) - loss(0.45 - 1e-6)) / 2e-6
        np.testing.assert_allclose(slope, measured, rtol=1e-5, atol=1e-8)


def test_out_is_refused_and_left_alone():
    for call in (np.take, np.sum, np.exp, np.cumsum, np.clip, np.dot):
        out = np.full((3, 3), 7.0)
        args = {"take": ([0, 1, 2], 0), "clip": (0, 1), "dot": (X,)}.get(call.__name__, ())
        with pytest.raises(tg.GradientLostError, match="cannot write a tensor into an array"):
            call(Tensor(X), *args, out=out)
        assert (out == 7).all()
