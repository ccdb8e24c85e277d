"""Functions of entries, with broadcasting: arithmetic, rounding, exponentials, angles.

Rules never undo broadcasting: the engine sums over repeated axes once. Where the slope can be said
in terms of the result, it is: then the backward pass meets the forward pass again and can be
simplified.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.op import Function, Op, implements, primitive
from ..core.shapes import fold
from ..core.tape import is_symbolic

_BELOW = ". If np.where does not take these entries, their gradient is NaN all the same (0 times \
NaN): choose a safe argument inside the branch, np.{0}(np.where(ok, x, 1))"
_LOG = "its argument has reached 0 (or below), often by underflow: use log_softmax or \
cross_entropy on the scores instead of the logarithm of probabilities"


def _unary(function: Any, text: str, rule: Function, why: str, **traits: Any) -> Op:
    """Declare an op that stands for a ufunc of one operand."""

    def forward(x: Any) -> Any:
        return function(x)

    forward.__name__, forward.__doc__, rule.__doc__ = function.__name__, text, why
    op = primitive(numpy=function, **traits)(forward)
    op.grad("x")(rule)
    return op


def _binary(function: Any, text: str, names: str = "xy", **traits: Any) -> Op:
    """Declare an op that stands for a ufunc of two operands; its rules follow."""

    def forward(x: Any, y: Any) -> Any:
        return function(x, y)

    def power(x: Any, p: Any) -> Any:
        return function(x, p)

    chosen = power if names == "xp" else forward
    chosen.__name__, chosen.__doc__ = function.__name__, text
    return primitive(numpy=function, **traits)(chosen)


# --- arithmetic ---

add = _binary(np.add, "Sum, entry by entry.", symbol="+", noun="total")


@add.grad("x", "y")
def _(g: Any) -> Any:
    """Nudging a summand moves the sum by just as much, so `g` passes through unchanged."""
    return g


subtract = _binary(np.subtract, "Difference, entry by entry.", symbol="-", noun="difference")


@subtract.grad("x")
def _(g: Any) -> Any:
    """The difference rises with `x` one for one, so `g` passes through unchanged."""
    return g


@subtract.grad("y")
def _(g: Any) -> Any:
    """The difference falls as `y` rises, one for one, so `g` changes its sign."""
    return -g


multiply = _binary(np.multiply, "Product, entry by entry.", symbol="*", noun="product")


@multiply.grad("x")
def _(g: Any, y: Any) -> Any:
    """`x` was scaled by `y`, so its gradient is `g` scaled by `y`."""
    return g * y


@multiply.grad("y")
def _(g: Any, x: Any) -> Any:
    """`y` was scaled by `x`, so its gradient is `g` scaled by `x`."""
    return g * x


divide = _binary(
    np.divide, "Quotient, entry by entry.", symbol="/", noun="quotient",
    domain=((-3, 3), (0.5, 3)), roles={"x": "numerator", "y": "denominator"},
    remedy="the divisor has a zero (or 0/0, inf/inf; a softmax of a row that is "
    "masked whole is 0/0): keep it away from 0. If np.where does not "
    "take these entries, choose a safe divisor inside the branch, x / np.where(ok, y, 1)",
)  # fmt: skip


@divide.grad("x")
def _(g: Any, y: Any) -> Any:
    """`x` was divided by `y`, so its gradient is `g` divided by `y`."""
    return g / y


@divide.grad("y")
def _(g: Any, out: Any, y: Any) -> Any:
    """The quotient shrinks as `y` grows: its slope in `y` is `-out / y`."""
    # summed over what `y` was broadcast to before it is divided: the smaller array is divided
    return fold(g * out, y.shape) / -y


negative = _unary(
    np.negative, "The opposite sign, entry by entry.", lambda g: -g,
    "Minus `x` falls as `x` rises, so `g` changes its sign.", noun="minus", numpy_text="-x",
)  # fmt: skip
positive = _unary(
    np.positive, "The same values, as a new tensor.", lambda g: g,
    "The values are those of `x`, so `g` passes through unchanged.", moves_entries=True,
    numpy_text="x", latex="#1",
)  # fmt: skip
absolute = _unary(
    np.absolute, "Distance from zero, entry by entry.", lambda g, x: g * np.sign(x),
    "The slope is 1 right of zero and -1 left of it; at the kink itself it is taken as 0.",
    numpy_text="np.abs(x)", latex=r"\left|#1\right|",
)  # fmt: skip
square = _unary(
    np.square, "`x` times itself.", lambda g, x: 2 * g * x,
    "`x` is a factor twice, so the slope is `2 * x`.", latex="#1^{2}",
)  # fmt: skip
power = _binary(
    np.power, "`x` to the power `p`, entry by entry; the exponent may be a tensor as well.", "xp",
    symbol="**", domain=((0.5, 3), (-2, 2)), roles={"p": "exponent"},
    remedy="a zero base with a negative exponent, or a negative base with a fractional one"
    + _BELOW.format("power"),
)  # fmt: skip


@power.grad("x")
def _(g: Any, x: Any, p: Any) -> Any:
    """The power comes down as a factor and drops by one: `p * x**(p - 1)`."""
    return g * p * x ** _lowered(p, x)


def _lowered(p: Any, x: Any) -> Any:
    """Return p - 1; another exponent where 0 * 0**-1 would be NaN: there the power is constant."""
    if isinstance(p, (int, float)):  # stays a Python scalar, so that float32 stays float32
        return p - 1 if p else 1
    if is_symbolic(p):
        return p - 1
    if getattr(p, "node", None) is None:
        return np.where(np.equal(p, 0), 1, p - 1)
    return p - 1 + np.logical_and(np.equal(p, 0), np.equal(x, 0))  # the slope in p has to stay


@power.grad("p")
def _(g: Any, out: Any, x: Any) -> Any:
    """Raising the exponent multiplies by `x` once more: the slope is `out * log(x)`."""
    # 0**p stays 0 for every p > 0, so the log is kept away from x = 0
    return g * out * np.log(np.where(x == 0, 1, x))


sqrt = _unary(
    np.sqrt, "Square root, entry by entry.", lambda g, out: g / (2 * out),
    "The root flattens as it grows: its slope is `1 / (2 * out)`.", domain=(0.1, 4),
    latex=r"\sqrt{#1}",
    remedy="its argument has reached 0, where the slope is infinite, or below: add a small "
    "constant inside the root" + _BELOW.format("sqrt"),
)  # fmt: skip
cbrt = _unary(
    np.cbrt, "Cube root, entry by entry.", lambda g, out: g / (3 * out * out),
    "The root flattens as it grows: its slope is `1 / (3 * out**2)`.", domain=(0.1, 4),
    latex=r"\sqrt[3]{#1}",
)  # fmt: skip
floor_divide = _binary(
    np.floor_divide, "Quotient, rounded down.", symbol="//", domain=((-3, 3), (0.5, 3))
)


@floor_divide.grad("x", "y")
def _(g: Any) -> Any:
    """The rounded quotient stays what it is when an operand is nudged, so nothing passes back."""
    return 0 * g


remainder = _binary(
    np.remainder, "What is left of `x` after dividing by `y`, with the sign of `y`.", symbol="%",
    domain=((-3, 3), (0.5, 3)),
)  # fmt: skip
fmod = _binary(
    np.fmod, "What is left of `x` after dividing by `y`, with the sign of `x`.",
    domain=((-3, 3), (0.5, 3)),
)  # fmt: skip


@remainder.grad("x")
@fmod.grad("x")
def _(g: Any) -> Any:
    """Between the jumps the remainder rises with `x` one for one."""
    return g


@remainder.grad("y")
def _(g: Any, x: Any, y: Any) -> Any:
    """`y` was taken away as often as it went into `x`."""
    return -g * np.floor_divide(x, y)


@fmod.grad("y")
def _(g: Any, x: Any, y: Any) -> Any:
    """`y` was taken away as often as it went into `x`."""
    return -g * np.trunc(x / y)


@implements(np.divmod)
def divided(x1: Any, x2: Any) -> tuple[Any, Any]:
    """The rounded quotient, and what is left."""
    return np.floor_divide(x1, x2), np.remainder(x1, x2)


@implements(np.reciprocal)
def reciprocal(x: Any) -> Any:
    """One over `x`."""
    return 1 / x


@implements(np.fabs)
def fabs(x: Any) -> Any:
    """Distance from zero."""
    return absolute(x)


for _degrees in (np.degrees, np.rad2deg):
    implements(_degrees)(lambda x: x * (180 / math.pi))
for _radians in (np.radians, np.deg2rad):
    implements(_radians)(lambda x: x * (math.pi / 180))


# --- steps: gradient 0 ---

_FLAT = "The result stays what it is when `x` is nudged, so nothing passes back."
sign = _unary(np.sign, "-1, 0 or 1, entry by entry.", lambda g: 0 * g, _FLAT)
floor = _unary(np.floor, "Rounded down.", lambda g: 0 * g, _FLAT,
               latex=r"\left\lfloor #1\right\rfloor")  # fmt: skip
ceil = _unary(np.ceil, "Rounded up.", lambda g: 0 * g, _FLAT,
              latex=r"\left\lceil #1\right\rceil")  # fmt: skip
trunc = _unary(np.trunc, "Rounded towards zero.", lambda g: 0 * g, _FLAT)
rint = _unary(np.rint, "Rounded to the nearest integer.", lambda g: 0 * g, _FLAT)
implements(np.fix)(trunc)
heaviside = _binary(np.heaviside, "0 left of zero, 1 right of it, `y` at it.")


@heaviside.grad("x")
def _(g: Any) -> Any:
    """The step stays what it is when `x` is nudged, so nothing passes back."""
    return 0 * g


@heaviside.grad("y")
def _(g: Any, x: Any) -> Any:
    """`y` is the result where `x` is 0, so `g` passes there and nowhere else."""
    return g * np.equal(x, 0)


@primitive(shape=lambda x, decimals: x, numpy_text="np.round(x, decimals)")
def rounded(x: Any, *, decimals: int) -> Any:
    """Rounded to so many decimals."""
    return np.round(x, decimals)


@rounded.grad("x")
def _(g: Any) -> Any:
    """The result stays what it is when `x` is nudged, so nothing passes back."""
    return 0 * g


@implements(np.round, np.around)
def round_(a: Any, decimals: int = 0) -> Any:
    """Rounded to `decimals` places, with gradient 0."""
    return rounded(a, decimals=decimals)


# --- exponentials and logarithms ---

exp = _unary(
    np.exp, "e to the power `x`, entry by entry.", lambda g, out: g * out,
    "The exponential is its own slope, so `g` is scaled by `out`.", latex=r"\exp",
    remedy="subtract the row maximum first, which changes no probability: "
    "np.exp(s - np.max(s, axis=1, keepdims=True)), or use softmax or cross_entropy",
)  # fmt: skip
exp2 = _unary(
    np.exp2, "2 to the power `x`, entry by entry.", lambda g, out: g * out * math.log(2),
    "The power of 2 grows by itself times log(2).", latex="2^{#1}",
)  # fmt: skip
expm1 = _unary(
    np.expm1, "exp(x) - 1, exact near zero.", lambda g, out: g * (out + 1),
    "The slope is the exponential, which is `out + 1`.",
)  # fmt: skip
log = _unary(
    np.log, "Natural logarithm, entry by entry.", lambda g, x: g / x,
    "The slope of the logarithm is `1 / x`: the smaller `x`, the more a nudge matters.",
    domain=(0.1, 4), remedy=_LOG + _BELOW.format("log"), latex=r"\log",
)  # fmt: skip
log1p = _unary(
    np.log1p, "log(1 + x), exact near zero.", lambda g, x: g / (1 + x),
    "The slope of the logarithm, taken at `1 + x`.", domain=(-0.9, 4),
    remedy=_LOG + _BELOW.format("log1p"),
)  # fmt: skip
log2 = _unary(
    np.log2, "Logarithm to base 2, entry by entry.", lambda g, x: g / (x * math.log(2)),
    "The natural logarithm's slope `1 / x`, divided by log(2).", domain=(0.1, 4),
    remedy=_LOG + _BELOW.format("log2"), latex=r"\log_{2}",
)  # fmt: skip
log10 = _unary(
    np.log10, "Logarithm to base 10, entry by entry.", lambda g, x: g / (x * math.log(10)),
    "The natural logarithm's slope `1 / x`, divided by log(10).", domain=(0.1, 4),
    remedy=_LOG + _BELOW.format("log10"), latex=r"\log_{10}",
)  # fmt: skip
logaddexp = _binary(np.logaddexp, "log(exp(x) + exp(y)) without overflow.")
logaddexp2 = _binary(np.logaddexp2, "log2(2**x + 2**y) without overflow.")


def _excess(part: Any, whole: Any) -> Any:
    """Return part - whole; no NaN of infinities: all of +inf is its own share, nothing of -inf."""
    if is_symbolic(part) or is_symbolic(whole):
        return part - whole
    same, empty = np.equal(part, whole), np.equal(whole, -np.inf)
    return np.where(same, 0, part) - np.where(empty, np.inf, np.where(same, 0, whole))


@logaddexp.grad("x")
def _(g: Any, x: Any, out: Any) -> Any:
    """`x` receives its share of the sum of exponentials, `exp(x - out)`."""
    return g * np.exp(_excess(x, out))


@logaddexp.grad("y")
def _(g: Any, y: Any, out: Any) -> Any:
    """`y` receives its share of the sum of exponentials, `exp(y - out)`."""
    return g * np.exp(_excess(y, out))


@logaddexp2.grad("x")
def _(g: Any, x: Any, out: Any) -> Any:
    """`x` receives its share of the sum of powers, `2**(x - out)`."""
    return g * np.exp2(_excess(x, out))


@logaddexp2.grad("y")
def _(g: Any, y: Any, out: Any) -> Any:
    """`y` receives its share of the sum of powers, `2**(y - out)`."""
    return g * np.exp2(_excess(y, out))


# --- angles ---

sin = _unary(
    np.sin, "Sine of an angle in radians.", lambda g, x: g * np.cos(x),
    "The slope of the sine is the cosine of `x`.", latex=r"\sin",
)  # fmt: skip
cos = _unary(
    np.cos, "Cosine of an angle in radians.", lambda g, x: -g * np.sin(x),
    "The slope of the cosine is minus the sine of `x`.", latex=r"\cos",
)  # fmt: skip
tan = _unary(
    np.tan, "Tangent of an angle in radians.", lambda g, out: g * (1 + out * out),
    "The slope of the tangent is `1 + out**2`.", domain=(-1, 1), latex=r"\tan",
)  # fmt: skip
sinh = _unary(
    np.sinh, "Hyperbolic sine.", lambda g, x: g * np.cosh(x),
    "The slope of the hyperbolic sine is the hyperbolic cosine of `x`.", latex=r"\sinh",
)  # fmt: skip
cosh = _unary(
    np.cosh, "Hyperbolic cosine.", lambda g, x: g * np.sinh(x),
    "The slope of the hyperbolic cosine is the hyperbolic sine of `x`.", latex=r"\cosh",
)  # fmt: skip
tanh = _unary(
    np.tanh, "Hyperbolic tangent: squashes to (-1, 1).", lambda g, out: g * (1 - out * out),
    "The slope is `1 - out**2`: 1 in the middle, 0 where the tangent saturates.", latex=r"\tanh",
)  # fmt: skip
_EDGE = "its argument has reached -1 or 1, where the slope is infinite, or beyond"
arcsin = _unary(
    np.arcsin, "The angle, in radians, whose sine is `x`.", lambda g, x: g / np.sqrt(1 - x * x),
    "The slope of the arc sine is `1 / sqrt(1 - x**2)`.", domain=(-0.9, 0.9), latex=r"\arcsin",
    remedy=_EDGE + _BELOW.format("arcsin"),
)  # fmt: skip
arccos = _unary(
    np.arccos, "The angle, in radians, whose cosine is `x`.", lambda g, x: -g / np.sqrt(1 - x * x),
    "The slope of the arc cosine is `-1 / sqrt(1 - x**2)`.", domain=(-0.9, 0.9), latex=r"\arccos",
    remedy=_EDGE + _BELOW.format("arccos"),
)  # fmt: skip
arctan = _unary(
    np.arctan, "The angle, in radians, whose tangent is `x`.", lambda g, x: g / (1 + x * x),
    "The slope of the arc tangent is `1 / (1 + x**2)`.", latex=r"\arctan",
)  # fmt: skip
arcsinh = _unary(
    np.arcsinh, "Inverse of the hyperbolic sine.", lambda g, x: g / np.sqrt(x * x + 1),
    "The slope of the inverse is `1 / sqrt(x**2 + 1)`.",
)  # fmt: skip
arccosh = _unary(
    np.arccosh, "Inverse of the hyperbolic cosine.",
    lambda g, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)),
    "The slope of the inverse is `1 / sqrt(x**2 - 1)`.", domain=(1.2, 4),
    remedy="its argument has reached 1, where the slope is infinite, or below"
    + _BELOW.format("arccosh"),
)  # fmt: skip
arctanh = _unary(
    np.arctanh, "Inverse of the hyperbolic tangent.", lambda g, x: g / (1 - x * x),
    "The slope of the inverse is `1 / (1 - x**2)`.", domain=(-0.9, 0.9),
    remedy=_EDGE + _BELOW.format("arctanh"),
)  # fmt: skip
arctan2 = _binary(np.arctan2, "The angle of the point (y, x): here `x` up and `y` to the right.",
                  domain=(0.5, 3))  # fmt: skip


@arctan2.grad("x")
def _(g: Any, x: Any, y: Any) -> Any:
    """Going up turns the angle by `y` over the squared distance from the origin."""
    return g * y / (x * x + y * y)


@arctan2.grad("y")
def _(g: Any, x: Any, y: Any) -> Any:
    """Going right turns the angle back by `x` over the squared distance from the origin."""
    return -g * x / (x * x + y * y)


hypot = _binary(np.hypot, "Distance of the point (x, y) from the origin.", domain=(0.5, 3))


@hypot.grad("x")
def _(g: Any, x: Any, out: Any) -> Any:
    """The distance grows by the share `x / out`; at the origin the slope is taken as 0."""
    return g * x / np.where(np.equal(out, 0), 1, out)


@hypot.grad("y")
def _(g: Any, y: Any, out: Any) -> Any:
    """The distance grows by the share `y / out`; at the origin the slope is taken as 0."""
    return g * y / np.where(np.equal(out, 0), 1, out)


def _sinc(x: Any, order: int) -> Any:
    """Return the derivative of sinc of this order: a series near 0, a recurrence elsewhere.

    With z = pi x and f(z) = sin(z) / z, Leibniz' rule on z f(z) = sin(z) gives
    f^(n) = (sin(z + n pi / 2) - n f^(n-1)) / z.
    """
    x = np.asarray(x)
    z = np.pi * x.astype(np.result_type(x, np.float64))
    near = np.abs(z) < 1 + order
    far = np.where(near, 1, z)
    found = np.sin(far) / far
    for n in range(1, order + 1):
        found = (np.sin(far + n * np.pi / 2) - n * found) / far
    powers = range(order + order % 2, order + 40, 2)  # term z**m / (m + 1)!, differentiated
    terms = [
        (-1.0) ** (m // 2) * np.where(near, z, 0) ** (m - order)
        / ((m + 1) * math.factorial(m - order))
        for m in powers
    ]  # fmt: skip
    return (np.pi**order * np.where(near, sum(terms), found)).astype(x.dtype)


@primitive(shape=lambda x, order: x, numpy_text=lambda order: "" if order else "np.sinc(x)")
def sinc(x: Any, *, order: int) -> Any:
    """sin(pi x) / (pi x), or its derivative of this order."""
    return _sinc(x, order)


@sinc.grad("x")
def _(g: Any, x: Any, order: int) -> Any:
    """The slope is the derivative of the next order."""
    return g * sinc(x, order=order + 1)


implements(np.sinc)(lambda x: sinc(x, order=0))


# --- types ---


@primitive(shape=lambda x, dtype: x, numpy_text="x.astype(dtype)", latex="#1")
def astype(x: Any, *, dtype: Any) -> Any:
    """The same values in another floating-point type."""
    return x.astype(dtype)


@astype.grad("x")
def _(g: Any) -> Any:
    """The values are those of `x`, so `g` passes through, in the type of `x`."""
    return g
