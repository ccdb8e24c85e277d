"""Exponentials, logarithms and the functions made of them: trigonometric and hyperbolic.

Imports `primitive`. Where the slope can be said in terms of the result, it is: then the backward
pass meets the forward pass again and can be simplified.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..primitive import primitive


@primitive(numpy=np.exp)
def exp(x: Any) -> Any:
    """e to the power `x`, entry by entry."""
    return np.exp(x)


@exp.grad("x")
def _(g: Any, out: Any) -> Any:
    """The exponential is its own slope, so `g` is scaled by `out`."""
    return g * out


@primitive(numpy=np.expm1)
def expm1(x: Any) -> Any:
    """exp(x) - 1, exact near zero."""
    return np.expm1(x)


@expm1.grad("x")
def _(g: Any, out: Any) -> Any:
    """The slope is the exponential, which is `out + 1`."""
    return g * (out + 1)


@primitive(numpy=np.log, domain=(0.1, 4))
def log(x: Any) -> Any:
    """Natural logarithm, entry by entry."""
    return np.log(x)


@log.grad("x")
def _(g: Any, x: Any) -> Any:
    """The slope of the logarithm is `1 / x`: the smaller `x`, the more a nudge matters."""
    return g / x


@primitive(numpy=np.log1p, domain=(-0.9, 4))
def log1p(x: Any) -> Any:
    """log(1 + x), exact near zero."""
    return np.log1p(x)


@log1p.grad("x")
def _(g: Any, x: Any) -> Any:
    """The slope of the logarithm, taken at `1 + x`."""
    return g / (1 + x)


@primitive(numpy=np.log2, domain=(0.1, 4))
def log2(x: Any) -> Any:
    """Logarithm to base 2, entry by entry."""
    return np.log2(x)


@log2.grad("x")
def _(g: Any, x: Any) -> Any:
    """The natural logarithm's slope `1 / x`, divided by log(2)."""
    return g / (x * math.log(2))


@primitive(numpy=np.log10, domain=(0.1, 4))
def log10(x: Any) -> Any:
    """Logarithm to base 10, entry by entry."""
    return np.log10(x)


@log10.grad("x")
def _(g: Any, x: Any) -> Any:
    """The natural logarithm's slope `1 / x`, divided by log(10)."""
    return g / (x * math.log(10))


@primitive(numpy=np.logaddexp)
def logaddexp(x: Any, y: Any) -> Any:
    """log(exp(x) + exp(y)) without overflow."""
    return np.logaddexp(x, y)


@logaddexp.grad("x")
def _(g: Any, x: Any, out: Any) -> Any:
    """`x` receives its share of the sum of exponentials, `exp(x - out)`."""
    return g * np.exp(x - out)


@logaddexp.grad("y")
def _(g: Any, y: Any, out: Any) -> Any:
    """`y` receives its share of the sum of exponentials, `exp(y - out)`."""
    return g * np.exp(y - out)


@primitive(numpy=np.sin)
def sin(x: Any) -> Any:
    """Sine of an angle in radians."""
    return np.sin(x)


@sin.grad("x")
def _(g: Any, x: Any) -> Any:
    """The slope of the sine is the cosine of `x`."""
    return g * np.cos(x)


@primitive(numpy=np.cos)
def cos(x: Any) -> Any:
    """Cosine of an angle in radians."""
    return np.cos(x)


@cos.grad("x")
def _(g: Any, x: Any) -> Any:
    """The slope of the cosine is minus the sine of `x`."""
    return -g * np.sin(x)


@primitive(numpy=np.tan, domain=(-1, 1))
def tan(x: Any) -> Any:
    """Tangent of an angle in radians."""
    return np.tan(x)


@tan.grad("x")
def _(g: Any, out: Any) -> Any:
    """The slope of the tangent is `1 + out**2`."""
    return g * (1 + out * out)


@primitive(numpy=np.sinh)
def sinh(x: Any) -> Any:
    """Hyperbolic sine."""
    return np.sinh(x)


@sinh.grad("x")
def _(g: Any, x: Any) -> Any:
    """The slope of the hyperbolic sine is the hyperbolic cosine of `x`."""
    return g * np.cosh(x)


@primitive(numpy=np.cosh)
def cosh(x: Any) -> Any:
    """Hyperbolic cosine."""
    return np.cosh(x)


@cosh.grad("x")
def _(g: Any, x: Any) -> Any:
    """The slope of the hyperbolic cosine is the hyperbolic sine of `x`."""
    return g * np.sinh(x)


@primitive(numpy=np.tanh)
def tanh(x: Any) -> Any:
    """Hyperbolic tangent: squashes to (-1, 1)."""
    return np.tanh(x)


@tanh.grad("x")
def _(g: Any, out: Any) -> Any:
    """The slope is `1 - out**2`: 1 in the middle, 0 where the tangent saturates."""
    return g * (1 - out * out)


@primitive(numpy=np.arctan)
def arctan(x: Any) -> Any:
    """The angle, in radians, whose tangent is `x`."""
    return np.arctan(x)


@arctan.grad("x")
def _(g: Any, x: Any) -> Any:
    """The slope of the arc tangent is `1 / (1 + x**2)`."""
    return g / (1 + x * x)
