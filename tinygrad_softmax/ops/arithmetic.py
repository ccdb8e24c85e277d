"""Sums, products, powers and signs, entry by entry with broadcasting.

Imports `primitive`. Rules never undo broadcasting: the engine sums over repeated axes once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import primitive
from ..shapes import fold


@primitive(numpy=np.add)
def add(x: Any, y: Any) -> Any:
    """Sum, entry by entry."""
    return np.add(x, y)


@add.grad("x", "y")
def _(g: Any) -> Any:
    """Nudging a summand moves the sum by just as much, so `g` passes through unchanged."""
    return g


@primitive(numpy=np.subtract)
def subtract(x: Any, y: Any) -> Any:
    """Difference, entry by entry."""
    return np.subtract(x, y)


@subtract.grad("x")
def _(g: Any) -> Any:
    """The difference rises with `x` one for one, so `g` passes through unchanged."""
    return g


@subtract.grad("y")
def _(g: Any) -> Any:
    """The difference falls as `y` rises, one for one, so `g` changes its sign."""
    return -g


@primitive(numpy=np.multiply)
def multiply(x: Any, y: Any) -> Any:
    """Product, entry by entry."""
    return np.multiply(x, y)


@multiply.grad("x")
def _(g: Any, y: Any) -> Any:
    """`x` was scaled by `y`, so its gradient is `g` scaled by `y`."""
    return g * y


@multiply.grad("y")
def _(g: Any, x: Any) -> Any:
    """`y` was scaled by `x`, so its gradient is `g` scaled by `x`."""
    return g * x


@primitive(numpy=np.divide, domain=((-3, 3), (0.5, 3)))
def divide(x: Any, y: Any) -> Any:
    """Quotient, entry by entry."""
    return np.divide(x, y)


@divide.grad("x")
def _(g: Any, y: Any) -> Any:
    """`x` was divided by `y`, so its gradient is `g` divided by `y`."""
    return g / y


@divide.grad("y")
def _(g: Any, out: Any, y: Any) -> Any:
    """The quotient shrinks as `y` grows: its slope in `y` is `-out / y`."""
    # summed over what `y` was broadcast to before it is divided: the smaller array is divided
    return fold(g * out, y.shape) / -y


@primitive(numpy=np.negative)
def negative(x: Any) -> Any:
    """The opposite sign, entry by entry."""
    return np.negative(x)


@negative.grad("x")
def _(g: Any) -> Any:
    """Minus `x` falls as `x` rises, so `g` changes its sign."""
    return -g


@primitive(numpy=np.positive)
def positive(x: Any) -> Any:
    """The same values, as a new tensor."""
    return np.positive(x)


@positive.grad("x")
def _(g: Any) -> Any:
    """The values are those of `x`, so `g` passes through unchanged."""
    return g


@primitive(numpy=np.power, domain=((0.5, 3), (-2, 2)))
def power(x: Any, p: Any) -> Any:
    """`x` to the power `p`, entry by entry; the exponent may be a tensor as well."""
    return np.power(x, p)


@power.grad("x")
def _(g: Any, x: Any, p: Any) -> Any:
    """The power comes down as a factor and drops by one: `p * x**(p - 1)`."""
    return g * p * x ** lowered(p)


def lowered(p: Any) -> Any:
    """Return p - 1, but 1 for p = 0: there the power is constant, and 0 * 0**-1 would be NaN."""
    if isinstance(p, (int, float)):  # stays a Python scalar, so that float32 stays float32
        return p - 1 if p else 1
    return np.where(np.equal(p, 0), 1, p - 1)


@power.grad("p")
def _(g: Any, out: Any, x: Any) -> Any:
    """Raising the exponent multiplies by `x` once more: the slope is `out * log(x)`."""
    # 0**p stays 0 for every p > 0, so the log is kept away from x = 0
    return g * out * np.log(np.where(x == 0, 1, x))


@primitive(numpy=np.square)
def square(x: Any) -> Any:
    """`x` times itself."""
    return np.square(x)


@square.grad("x")
def _(g: Any, x: Any) -> Any:
    """`x` is a factor twice, so the slope is `2 * x`."""
    return 2 * g * x


@primitive(numpy=np.sqrt, domain=(0.1, 4))
def sqrt(x: Any) -> Any:
    """Square root, entry by entry."""
    return np.sqrt(x)


@sqrt.grad("x")
def _(g: Any, out: Any) -> Any:
    """The root flattens as it grows: its slope is `1 / (2 * out)`."""
    return g / (2 * out)


@primitive(numpy=np.sign)
def sign(x: Any) -> Any:
    """-1, 0 or 1, entry by entry."""
    return np.sign(x)


@sign.grad("x")
def _(g: Any) -> Any:
    """The sign stays what it is when `x` is nudged, so nothing passes back."""
    return 0 * g


@primitive(numpy=np.absolute)
def absolute(x: Any) -> Any:
    """Distance from zero, entry by entry."""
    return np.absolute(x)


@absolute.grad("x")
def _(g: Any, x: Any) -> Any:
    """The slope is 1 right of zero and -1 left of it; at the kink itself it is taken as 0."""
    return g * np.sign(x)
