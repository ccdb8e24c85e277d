"""Lines of NumPy, to be run on arrays and on Tensors (see `test_numpy_functions`).

A letter is an array of the shape given for it; sizes that could be confused are distinct.
"""

from typing import Any, NamedTuple

import numpy as np

#: Functions that came after NumPy 2.0: a line with one of them is left out where it is missing.
RECENT = ("matvec", "unstack", "vecmat")
ABSENT = [f"np.{name}(" for name in RECENT if not hasattr(np, name)]


class Table(NamedTuple):
    """Lines that use the same letters."""

    shapes: dict[str, tuple[int, ...]]
    domain: tuple[float, float]
    lines: str
    constants: dict[str, Any] | None = None  # what other names in the lines stand for
    diagonal: float = 0  # added to the diagonals of square matrices, which can then be inverted

    def __iter__(self):
        lines = (line.strip() for line in self.lines.replace("\n", ";").split(";"))
        return (line for line in lines if line and not any(name in line for name in ABSENT))


ARITHMETIC = Table(
    {"x": (3, 4), "y": (4,)}, (0.3, 3.0), """
x + y; x - y; x * y; x / y; x ** y; -x; +x; abs(x); x + 1; 1 + x; x - 1; 1 - x; 2 * x; x * 2
x / 2; 2 / x; x ** 2; x ** 0.5; 2 ** x; 2.5 ** x; x + np.float64(1); np.float64(2) * x
x * np.float32(2); np.add(x, y); np.subtract(x, y); np.multiply(x, y); np.divide(x, y)
np.true_divide(x, y); np.power(x, y); np.power(x, 3); np.power(2, x); np.negative(x)
np.positive(x); np.absolute(x); np.abs(x); np.sign(x); np.square(x); np.sqrt(x); np.exp(x)
np.expm1(x); np.log(x); np.log1p(x); np.log2(x); np.log10(x); np.logaddexp(x, y)
np.logaddexp(0, x); np.sin(x); np.cos(x); np.tan(x / 3); np.tanh(x); np.sinh(x); np.cosh(x)
np.arctan(x); np.maximum(x, y); np.minimum(x, y); np.maximum(0, x - 1); np.maximum(x - 1, 0)
np.minimum(1.4, x); np.add(1, x); np.exp(np.float64(1)) * x; np.where(x > y, x, y)
np.where(x > 1, x, 0); np.where(x > 1, 0, x * x); np.where(True, x, y)
""")  # fmt: skip

REDUCTIONS = Table(
    {"x": (2, 3, 4)}, (0.3, 2.0), """
np.sum(x); np.sum(x, 1); np.sum(x, axis=-1); np.sum(x, axis=(0, 2)); np.sum(x, 0, keepdims=True)
np.sum(x, axis=()); np.sum(a=x); np.sum(a=x, axis=0); np.sum(x, dtype=np.float64); x.sum()
x.sum(1); x.sum(axis=(0, -1), keepdims=True); sum(x); np.mean(x); np.mean(x, 1)
np.mean(x, axis=(0, -1)); np.mean(x, -1, keepdims=True); np.mean(a=x); x.mean(); x.mean(0)
x.mean(axis=1, keepdims=True); np.prod(x); np.prod(x, 1); np.prod(x, axis=(0, 2))
np.prod(x, -1, keepdims=True); x.prod(); x.prod(2); np.max(x); np.max(x, 1)
np.max(x, axis=(0, -1)); np.max(x, 0, keepdims=True); x.max(); x.max(axis=1); np.min(x)
np.min(x, -1); np.min(x, axis=(1, 2), keepdims=True); x.min(); x.min(0); np.var(x); np.var(x, 1)
np.var(x, ddof=1); np.var(x, axis=(0, 1), keepdims=True); np.var(x, 2, ddof=2); x.var()
x.var(0); np.std(x); np.std(x, 1); np.std(x, axis=-1, ddof=1); np.std(x, 0, keepdims=True)
x.std(); x.std(axis=(1, 2), ddof=1); np.linalg.norm(x); np.linalg.norm(x, axis=1)
np.linalg.norm(x, axis=(0, -1), keepdims=True); np.cumsum(x); np.cumsum(x, 1)
np.cumsum(x, axis=-1); np.cumsum(x, axis=None); x.cumsum(); x.cumsum(0); np.add.reduce(x)
np.add.reduce(x, axis=None); np.add.reduce(x, 1); np.add.reduce(x, axis=(0, 2))
np.add.reduce(x, axis=-1, keepdims=True); np.maximum.reduce(x); np.maximum.reduce(x, axis=1)
np.maximum.reduce(x, axis=None); np.minimum.reduce(x, axis=(0, 1)); np.multiply.reduce(x)
np.multiply.reduce(x, axis=2); np.multiply.reduce(x, axis=None, keepdims=True)
""")  # fmt: skip

CLIPPING = Table(
    {"x": (2, 3)}, (-3.0, 3.0), """
np.clip(x, -1, 1); np.clip(x, None, 1); np.clip(x, -1, None); np.clip(x, a_min=-1, a_max=1)
x.clip(-1, 1); np.clip(x, np.array([-1, 0, 1]), 2); np.clip(a=x, a_min=0, a_max=1)
np.clip(x, 0, np.inf)
""")  # fmt: skip

PRODUCTS = Table(
    {"s": (), "u": (2,), "v": (3,), "x": (2, 3), "w": (3, 4), "r": (4, 1), "k": (1, 3),
     "t": (5, 2, 3), "q": (3, 3), "c": (3, 3, 2)}, (-2.0, 2.0), """
x @ w; w.T @ x.T; np.matmul(x, w); np.dot(x, w); x.dot(2 * x.T); x @ v; u @ x; np.dot(u, x)
np.dot(x, v); np.dot(u, u); u @ u; np.dot(s, x); np.dot(x, s); np.dot(s, s); np.dot(t, v)
np.dot(t, w); np.dot(x, t.swapaxes(1, 2)); np.dot(v, t.swapaxes(1, 2))
np.dot(t, t.swapaxes(-1, 1)); t @ w; np.matmul(t, v); t @ t.swapaxes(1, 2); np.inner(u, u)
np.inner(x, v); np.inner(v, x); np.inner(t, x); np.inner(x, t); np.inner(s, x); np.outer(u, v)
np.outer(x, v); np.outer(s, v); np.outer(v, 2.0); np.tensordot(x, w, 1)
np.tensordot(x, w, axes=0); np.tensordot(t, x, axes=(2, 1)); np.tensordot(t, t, 3)
np.tensordot(t, t, axes=([0, 2], [0, 2])); np.tensordot(t, w, axes=([-1], [0]))
np.tensordot(x, x); np.tensordot(t, x, axes=[[2], [1]]); np.tensordot(a=x, b=w, axes=1)
np.einsum("ij,jk->ik", x, w); np.einsum("ij,jk", x, w); np.einsum("ij->ji", x)
np.einsum("ij", x); np.einsum("ba", x); np.einsum("ij->", x); np.einsum("ij->j", x)
np.einsum("i,i", u, u); np.einsum("i,i->i", u, u); np.einsum("i,j", u, v)
np.einsum("ij, jk -> ki", x, w); np.einsum("...j,jk->...k", t, w); np.einsum("...j,jk", t, w)
np.einsum("...ij->...ji", t); np.einsum("i...->...", t); np.einsum("...,...", x, x)
np.einsum("...i,...i->...", t, v); np.einsum("i,ij,j->", u, x, v); np.einsum("i,ij,jk", u, x, w)
np.einsum("ij,ij,ij->i", x, x, x); np.einsum("ii->i", q); np.einsum("ii", q)
np.einsum("ii->", q); np.einsum("iij->j", c); np.einsum("ii,ij->ij", q, q)
np.einsum("iji->ij", c.swapaxes(1, 2)); np.einsum("ij,jk->ik", r, x)
np.einsum("i...,...->i...", x, v); np.einsum("ij,kj->ik", x, x, optimize=True)
np.einsum("ij,ij->ij", x, k); np.einsum("ij,ij->j", k, x); np.einsum("ij,ij->", x, k)
np.trace(q); np.trace(q, 1); np.trace(q, offset=-1); np.trace(c); np.trace(t, 1, 0, 2)
q.trace(); np.trace(t, axis1=1, axis2=2); x.trace(offset=2); np.trace(x, offset=9)
""")  # fmt: skip

ARRANGEMENTS = Table(
    {"x": (2, 3, 4), "y": (5, 3, 4), "z": (2, 3, 5), "b": (2, 4), "o": (1, 3, 1)}, (-2.0, 2.0), """
np.transpose(x); x.T; x.transpose(); x.transpose(2, 0, 1); x.transpose((1, 0, 2))
np.transpose(x, (0, -1, 1)); np.transpose(a=x); np.swapaxes(x, 0, 2); x.swapaxes(-1, 0)
np.moveaxis(x, 0, -1); np.moveaxis(x, 2, 0); np.moveaxis(x, (0, 1), (-1, 0))
np.moveaxis(x, [0, 2], [2, 1]); np.reshape(x, (4, 6)); np.reshape(x, -1); x.reshape(4, -1)
x.reshape((2, 12)); x.reshape(-1); np.reshape(x, (8, 3)); x.reshape(2, -1, 2); np.ravel(x)
x.ravel(); x.flatten(); np.squeeze(o); np.squeeze(o, 0); np.squeeze(o, axis=(0, -1))
o.squeeze(); o.squeeze(-1); np.squeeze(x); np.expand_dims(x, 0); np.expand_dims(x, -1)
np.expand_dims(x, axis=(0, 3)); np.expand_dims(a=x, axis=1); np.broadcast_to(o, (2, 3, 4))
np.broadcast_to(x, (5, 2, 3, 4)); np.broadcast_to(o, shape=(2, 3, 4)); x[np.newaxis]
x[..., None]; np.concatenate([x, y]); np.concatenate((x, y), axis=0); np.concatenate([x, y, x])
np.concatenate([x]); np.concatenate([x, z], axis=-1); np.concatenate([x, z], 2)
np.concatenate([x, y, z], axis=None); np.concatenate([b, 2 * b], 0)
np.concatenate([x, y], axis=0); np.stack([x, 2 * x]); np.stack([x, x], 1)
np.stack((x, x * x), axis=-1); np.stack([b[0], b[1]]); np.hstack([x, x]); np.hstack([b, b])
np.hstack([b[0], b[1, :1]]); np.hstack([b[0, 0], b[1]]); np.vstack([x, y]); np.vstack([b, b])
np.vstack([b[0], b[1]]); np.vstack([b, b[0]]); np.vstack([b[0, 0], b[:, :1]]); np.split(x, 2)[1]
np.split(x, 2, axis=2)[0]; np.split(x, [1], 1)[1]; np.split(x, [1, 2], axis=-1)[2]
np.split(x, 3, -2)[1]; np.array_split(x, 3, axis=-1)[0]; np.array_split(x, 2, 1)[1]
np.array_split(x, [1, 3], 2)[1]; np.array_split(x, [3, 1], 2)[1]
np.array_split(x, [2, 9], 1)[1]; np.split(x, [-1], 2)[1]; np.pad(x, 1); np.pad(x, (1, 2))
np.pad(x, ((1, 0), (0, 2), (1, 1))); np.pad(x, ((1, 2),)); np.pad(x, [[1], [0], [2]])
np.pad(x, 1, constant_values=3); np.pad(x, 2, mode="constant", constant_values=(1, 2))
np.pad(b, 2, "edge"); np.pad(b, (1, 2), mode="reflect")
np.pad(b, ((0, 1), (3, 0)), mode="wrap"); np.pad(b, 2, mode="symmetric")
np.pad(b, 1, "constant"); np.pad(b, pad_width=1, mode="edge"); np.pad(array=b, pad_width=1)
np.roll(x, 1); np.roll(x, -2, axis=1); np.roll(x, (1, 2), axis=(0, 2)); np.roll(x, shift=3)
np.roll(a=x, shift=1); np.flip(x); np.flip(x, 0); np.flip(x, axis=(0, -1)); np.repeat(x, 2)
np.repeat(x, 3, axis=1); x.repeat(2, 0); np.repeat(b, [1, 0, 2, 1], axis=1)
np.repeat(b, repeats=2, axis=-1); np.tile(b, 2); np.tile(b, (2, 1)); np.tile(b, (2, 1, 3))
np.tile(b, reps=2); np.rot90(b); np.rot90(x, k=2, axes=(0, 2)); np.diagonal(x)
np.diagonal(x, 1); x.diagonal(); np.diagonal(x, offset=-1, axis1=1, axis2=2); np.tril(x)
np.tril(b, 1); np.tril(b, k=-1); np.triu(x); np.triu(b, -1); np.triu(x, k=2); np.sort(x)
np.sort(x, 0); np.sort(x, axis=None); np.sort(x, axis=1); np.sort(a=x); np.take(x, 1)
np.take(x, [0, 5, 5]); np.take(x, [2, 0, 2], axis=1)
np.take(x, np.array([[0, 1], [1, 1]]), axis=-1); x.take([1, 1], 0)
np.take(x, indices=1, axis=0); np.take(b, [5, -7], axis=1, mode="wrap")
np.take_along_axis(x, np.argsort(x, 1), 1)
np.take_along_axis(x, np.argmax(x, -1, keepdims=True), axis=-1)
np.take_along_axis(b, np.array([[0, 0, 3], [2, 1, 1]]), 1)
np.take_along_axis(arr=b, indices=np.array([[1]]), axis=0); x.astype(np.float64)
x.astype(float)
""")  # fmt: skip

EMPTY = Table(
    {"e": (0, 3), "b": (2, 3)}, (-2.0, 2.0), """
np.sum(e); np.sum(e, 0); np.sum(e, 1); np.sum(e, axis=1, keepdims=True); np.prod(e)
np.prod(e, 0); np.prod(e, axis=1); np.max(e, axis=1); e + e; e + b[0]; np.exp(e)
np.maximum(0, e); e @ b.T; e.T @ e; b @ e.T; np.dot(e, b.T); np.dot(b, e.T)
np.tensordot(e, e, axes=([0], [0])); np.einsum("ij,kj->ik", e, b); np.einsum("ij,ik->jk", e, e)
np.inner(e, b); np.outer(e, b); np.trace(e); np.cumsum(e); np.cumsum(e, 1); e.T
np.reshape(e, (3, 0)); np.ravel(e); np.expand_dims(e, 1); np.concatenate([e, b[:, :3]])
np.stack([e, e]); np.vstack([e, e]); np.hstack([e, e]); np.flip(e); np.roll(e, 1)
np.repeat(e, 2); np.repeat(b, 0, axis=1); np.tile(e, 2); np.tile(b, 0); np.pad(e, 1); np.sort(e)
np.sort(e, 0); np.tril(e); np.diagonal(e); np.take(b, np.array([], int), axis=1); b[[]]
b[:, []]; b[5:]; b[b > 99]; np.where(e > 0, e, 0); np.array_split(b, 3)[2]; np.split(e, 1)[0]
np.broadcast_to(e, (2, 0, 3)); np.swapaxes(e, 0, 1); np.moveaxis(e, 0, 1); np.squeeze(e)
np.mean(e, axis=1); np.var(e, 1); np.clip(e, 0, 1)
""")  # fmt: skip

SCALARS = Table(
    {"s": ()}, (-2.0, 2.0), """
s + 1; s * s; np.exp(s); np.sum(s); np.sum(s, axis=()); np.mean(s); np.max(s); np.prod(s)
np.var(s); s.sum(); np.maximum(0, s); np.dot(s, s); np.outer(s, s); s.T; s.reshape(1, 1)
np.ravel(s); s[()]; s[...]; s[None]; s[None, ..., None]; np.transpose(s); np.squeeze(s)
np.expand_dims(s, 0); np.expand_dims(s, (0, 1)); np.flip(s); np.broadcast_to(s, (2, 3))
np.stack([s, s]); np.hstack([s, s]); np.vstack([s, s]); np.cumsum(s); np.tile(s, 3)
np.concatenate([s, s], axis=None); np.repeat(s, 3); np.where(s > 0, s, 0)
np.einsum(",->", s, s); np.clip(s, -5, 5); np.einsum("", s); np.einsum("...,...", s, s)
np.tensordot(s, s, 0); np.take(s, 0); np.roll(s, 1); np.sort(s, axis=None)
np.add.reduce(s, axis=()); np.pad(s[None], 1); s ** 2; 2 ** s; -s; abs(s)
np.min(s, keepdims=True)
""")  # fmt: skip

UFUNCS = Table(
    {"x": (3, 4), "y": (4,), "s": ()}, (0.3, 3.0), """
np.exp2(x); np.cbrt(x); np.reciprocal(x); np.reciprocal(s); np.fabs(x); np.degrees(x); np.rad2deg(x)
np.radians(x); np.deg2rad(s); np.arcsinh(x); np.arctan2(x, y); np.arctan2(y, x); np.arctan2(x, 1)
np.arctan2(2, x); np.hypot(x, y); np.hypot(x, 2); np.hypot(1, s); np.logaddexp2(x, y)
np.logaddexp2(x, 1); np.logaddexp2(0, s); np.sinc(x); np.sinc(s); np.fmax(x, y); np.fmax(1, x)
np.fmin(x, y); np.fmin(x, 1); np.fmax(x, s); np.true_divide(1, x); np.pow(x, y); np.pow(2, x)
np.atan(x); np.atan2(x, y); np.asinh(x); np.subtract.outer(y, x); np.multiply.outer(x, y)
np.add.outer(y, y); np.maximum.outer(y, s); np.hypot.outer(s, y); np.add.accumulate(x)
np.add.accumulate(x, axis=1); np.multiply.accumulate(x, 1); np.multiply.accumulate(x)
np.arctan2.outer(y, y + 1)
""")  # fmt: skip

SIGNED = Table(
    {"x": (3, 4), "y": (4,), "s": ()}, (-3.0, 3.0), """
divmod(x, y); divmod(2.5, x); np.divmod(x, y)
np.cbrt(x); np.fabs(x); np.reciprocal(x); np.arcsinh(x); np.arctan2(x, y); np.hypot(x, y)
np.sinc(x); np.sinc(x / 9); np.sinc(0 * x); np.sinc(0 * s); np.sinc(x - x + 1); np.fmax(x, y)
np.fmin(x, y); np.logaddexp2(x, 9 * y); np.heaviside(x, y); np.heaviside(x, 0.5)
np.heaviside(0 * x, y); np.heaviside(0, x); np.floor_divide(x, y); np.floor_divide(x, 2)
np.floor_divide(5, y); x // y; x // 2; 7 // x; np.remainder(x, y); np.remainder(x, 2)
np.remainder(x, -2); np.mod(x, y); np.remainder(5, y); x % y; x % 1; 7 % x; x % s; np.fmod(x, y)
np.fmod(x, 2); np.fmod(x, -2); np.fmod(5, x); divmod(x, 2); np.copy(x); np.copy(s); x.copy()
np.select([x > 1, x < -1], [x, x * x]); np.select([x > 1, x < -1], [x, -x], 0.5)
np.select([x > 1, x > 0], [x, y], default=x * x); np.select([x > 1], [x])
np.select([y > 0], [y, ], y ** 3); np.select([x > 0, x > 1], [2 * x, 9 * x])
np.select([np.array([True, False, True, False])], [x], 2); np.where(x > 0, x, np.float32(2))
np.where([True, False, False, True], x, y); np.nan_to_num(x); np.nan_to_num(s)
np.nan_to_num(x, nan=2.0); np.nan_to_num(x, copy=False); np.clip(x, y - 1, y + 1); np.clip(x, -1, y)
np.full_like(x, x[0, 0]); np.full_like(x, x[1], dtype=np.float64); x.clip(min=-1); x.clip(max=y)
x.clip(-1, max=1); np.floor(s); np.round(s)
""")  # fmt: skip

#: No entry is near a multiple of 1/2: twelve of them stand between these.
STEPS = Table(
    {"x": (3, 4)}, (-3.0, 3.0), """
np.floor(x); np.ceil(x); np.trunc(x); np.rint(x); np.fix(x); np.round(x); np.round(x / 10, 1)
np.round(x / 100, decimals=2); np.round(10 * x, -1); np.around(x); np.around(x / 10, 1); x.round()
(x / 10).round(1); (x / 10).round(decimals=1); x * np.floor(x); x - np.round(x / 10, 1); np.sign(x)
x * np.sign(x); np.floor(x) * x.T[0, 0]; x - np.trunc(x)
""")  # fmt: skip

BELOW_ONE = Table(
    {"x": (3, 4), "s": ()}, (-0.9, 0.9), """
np.arcsin(x); np.arccos(x); np.arctanh(x); np.arcsin(s); np.arccos(s); np.arctanh(s); np.asin(x)
np.acos(x); np.atanh(x); np.sinc(x); np.arcsin(x) + np.arccos(x); np.tan(np.arcsin(x))
""")  # fmt: skip

ABOVE_ONE = Table(
    {"x": (3, 4), "s": ()}, (1.2, 4.0), """
np.arccosh(x); np.arccosh(s); np.acosh(x); np.cosh(np.arccosh(x))
""")  # fmt: skip

#: Two or more entries are chosen along the second axis and along the third.
SOME = {"some": np.arange(2)[:, None, None] != (np.arange(3)[:, None] + np.arange(4)) % 3}

CHOSEN = Table(
    {"x": (2, 3, 4), "y": (2, 3), "z": (4,)}, (0.3, 2.0), """
np.sum(x, where=some); np.sum(x, 1, where=some)
np.sum(x, axis=(0, 2), where=some[0], keepdims=True); np.sum(x, initial=2)
np.sum(x, -1, initial=2.5); np.sum(x, initial=1, where=some); np.sum(x, where=False)
np.sum(y, where=[True, False, True]); x.sum(where=some); x.sum(0, where=some, initial=3)
np.add.reduce(x, axis=1, where=some); np.add.reduce(x, axis=None, initial=2); np.prod(x, where=some)
np.prod(x, 1, where=some); np.prod(x, axis=(0, -1), where=some, keepdims=True)
np.prod(x, initial=2); np.prod(x, axis=1, initial=0.5, where=some); np.prod(x, where=False)
x.prod(where=some[1]); x.prod(-1, initial=3, where=some)
np.multiply.reduce(x, axis=2, where=some, initial=2); np.max(x, initial=1)
np.max(x, 1, initial=1.2, where=some); np.max(x, initial=-np.inf, where=some)
np.max(x, axis=(0, 2), keepdims=True, where=some, initial=0); x.max(initial=9); x.max(1, initial=0)
x.max(axis=2, initial=1, where=some); np.maximum.reduce(x, axis=1, initial=1)
np.maximum.reduce(x, axis=None, initial=0, where=some); np.amax(x); np.amax(x, 1)
np.amax(x, axis=-1, keepdims=True, initial=1); np.min(x, initial=1)
np.min(x, 1, initial=1.2, where=some); np.min(x, initial=np.inf, where=some)
x.min(-1, initial=1, where=some); np.amin(x); np.amin(x, axis=(0, 1)); np.amin(x, initial=1)
np.minimum.reduce(x, axis=2, initial=1, where=some); np.mean(x, dtype=np.float64)
np.var(x, correction=1); np.var(x, 1, correction=0.5); np.var(x, mean=np.mean(x))
np.var(x, 1, mean=np.mean(x, 1, keepdims=True)); np.var(y, mean=1); np.var(x, dtype=np.float64)
np.std(x, correction=1); np.std(x, 1, mean=np.ones((2, 1, 4)))
np.std(x, 0, mean=np.mean(x, 0, keepdims=True), ddof=1); np.sum(x, dtype=float)
np.prod(x, dtype=float); np.cumsum(x, 1, dtype=float); np.cumprod(y, 1, dtype=float)
x.sum(dtype=np.float64); np.mean(x, where=some); np.mean(x, 1, where=some)
np.mean(x, axis=(0, -1), keepdims=True, where=some); np.mean(y, -1, where=[True, False, True])
x.mean(where=some[0]); x.mean(1, where=some); np.var(x, where=some); np.var(x, 2, where=some)
np.var(x, axis=(0, 1), where=some, ddof=1, keepdims=True); x.var(where=some)
x.var(1, ddof=1, where=some); np.std(x, where=some); np.std(x, 1, where=some)
np.std(x, axis=(0, 2), ddof=1, where=some, keepdims=True); x.std(where=some)
x.std(2, where=some, ddof=0.5)
""", SOME)  # fmt: skip

STATISTICS = Table(
    {"x": (2, 3, 4), "y": (2, 3), "w": (2, 3), "v": (3,), "u": (2,)}, (0.3, 2.0), """
np.average(y, 1, weights=v, returned=True); np.average(y, returned=True)
np.quantile(x, [0, 1], axis=1)
np.ptp(x); np.ptp(x, 1); np.ptp(x, axis=(0, -1)); np.ptp(x, -1, keepdims=True); np.ptp(v)
np.average(y, weights=w); np.average(y, 1, weights=w); np.average(y, axis=0, weights=w)
np.average(y, weights=w, keepdims=True); np.average(y, weights=w, returned=True)
np.sort(x, kind="stable"); np.sort(x, -2); np.sort(v); np.sort(x, axis=1, stable=True)
np.cumprod(x); np.cumprod(x, 0); np.cumprod(x, axis=-1); np.cumprod(v); x.cumprod(1); x.cumprod()
np.cumprod(x, axis=None); np.cumprod(np.where(some, x, 0), 1); np.cumprod(np.where(some, x, 0))
np.prod(np.where(some, x, 0), 1); np.prod(np.where(some, x, 0)); np.prod(np.where(some, x, 1), 2)
np.diff(x); np.diff(x, 2); np.diff(x, axis=0); np.diff(x, n=0); np.diff(v); np.diff(v, 2)
np.diff(x, n=3, axis=-1); np.diff(x, axis=1, prepend=0); np.diff(x, append=2.0)
np.diff(x, 2, 1, prepend=x[:, :1]); np.diff(v, prepend=u, append=v); np.diff(v, prepend=[1, 2])
np.diff(x, axis=0, prepend=0, append=x[:1]); np.diff(y, axis=0, append=w); np.diff(x, n=9)
np.gradient(v); np.gradient(v, 2); np.gradient(v, edge_order=2); np.gradient(v, [0, 1, 3])
np.gradient(v, np.array([0.0, 0.5, 2.0]), edge_order=2); np.gradient(y); np.gradient(y, 2.0, 0.5)
np.gradient(y, axis=1); np.gradient(y, axis=-1, edge_order=2); np.gradient(x, axis=(0, 2))
np.gradient(x, 2, axis=(1, 2)); np.gradient(x, 2, [0, 1, 2.5, 3], axis=(0, -1)); np.gradient(x)
np.gradient(x, 3, axis=2, edge_order=2); np.gradient(x, 1, [1, 2, 4], 0.5)
np.gradient(y, [0, 2, 3], axis=1); np.gradient(x, axis=(2, 0)); np.gradient(y[:2], axis=0)
np.gradient(v, np.float32(2))
np.average(x, axis=(0, 1), weights=w); np.average(x); np.average(x, 1); np.average(x, axis=(0, 2))
np.average(x, axis=-1, keepdims=True); np.average(y, axis=1, weights=v)
np.average(y, axis=-1, weights=v); np.average(y, 0, u); np.average(x, axis=1, weights=v)
np.average(x, 1, weights=[1, 2, 5]); np.average(v, weights=v)
np.average(y, 1, weights=v, keepdims=True); np.average(y, weights=[[1, 2, 3], [3, 4, 5]])
np.average(y, 0, [1, 3]); np.average(v, 0); np.median(x); np.median(x, 0); np.median(x, 1)
np.median(x, axis=(0, 2)); np.median(x, axis=[0, 1]); np.median(x, axis=-1, keepdims=True)
np.median(v); np.median(x, axis=(-1, 0), keepdims=True); np.median(x, overwrite_input=False)
np.percentile(x, 30); np.percentile(x, 75, 1); np.percentile(x, [0, 12.5, 100])
np.percentile(x, [[20, 40], [60, 80]], axis=1); np.percentile(x, 90, axis=(0, 2), keepdims=True)
np.percentile(x, q=50, axis=-1); np.percentile(v, 25)
np.percentile(x, np.array([10, 90]), axis=(0, 1), keepdims=True); np.quantile(x, 0.3)
np.quantile(x, 0.5, 0); np.quantile(x, [0.25, 0.75]); np.quantile(x, 1)
np.quantile(x, [[0.1, 0.2, 0.9]], axis=-1, keepdims=True); np.quantile(x, 0.9, axis=(1, 2))
np.quantile(x, (0.5, 0.6), axis=(0, -1), keepdims=True); np.quantile(v, 0.4, method="linear")
np.quantile(a=x, q=0.7, axis=None, keepdims=True); np.cov(y); np.cov(y, ddof=0)
np.cov(y, bias=True); np.cov(y, rowvar=False); np.cov(v); np.cov(v, bias=True); np.cov(y, w)
np.cov(y, w, rowvar=False); np.cov(v, v * v); np.cov(y, v); np.cov(y, v, ddof=0)
np.cov(y, y=w, rowvar=False, bias=True); np.cov(m=y); np.cov(v, rowvar=False); np.cov(y, ddof=2)
np.cov(y.T, u); np.cov(y, u, rowvar=False)
""", SOME)  # fmt: skip

HOLES = Table(
    {"x": (2, 3, 4), "y": (3, 4), "v": (4,)}, (0.3, 2.0), """
np.nansum(x); np.nansum(x, 1); np.nansum(np.where(some, x, np.nan))
np.nansum(np.where(some, x, np.nan), 1)
np.nansum(np.where(some, x, np.nan), axis=(0, 2), keepdims=True); np.nansum(y, axis=-1, initial=2)
np.nansum(x, dtype=np.float64); np.nanprod(x); np.nanprod(np.where(some, x, np.nan))
np.nanprod(np.where(some, x, np.nan), 1)
np.nanprod(np.where(some, x, np.nan), axis=(0, -1), keepdims=True); np.nanprod(y, 0, initial=2)
np.nanmax(x); np.nanmax(y, 1); np.nanmax(np.where(some, x, np.nan))
np.nanmax(np.where(some, x, np.nan), 1)
np.nanmax(np.where(some, x, np.nan), axis=(0, -1), keepdims=True); np.nanmax(v); np.nanmin(x)
np.nanmin(np.where(some, x, np.nan)); np.nanmin(np.where(some, x, np.nan), -1)
np.nanmin(np.where(some, x, np.nan), axis=(1, 2), keepdims=True); np.nanmin(v, keepdims=True)
np.nan_to_num(np.where(some, x, np.nan)); np.nan_to_num(np.where(some, x, np.nan), nan=2.5)
np.nan_to_num(np.where(some, x, np.inf), posinf=9)
np.nan_to_num(np.where(some, x, -np.inf), neginf=-1)
np.nan_to_num(np.where(some, x, np.inf), posinf=3, neginf=2); np.fmax(np.where(some, x, np.nan), y)
np.fmax(y, np.where(some, x, np.nan)); np.fmin(np.where(some, x, np.nan), v)
np.fmin(v, np.where(some, x, np.nan)); np.fmin(np.where(some, x, np.nan), 1)
np.sum(np.where(some, x, np.nan), where=some)
np.prod(np.where(some, x, np.nan), 0, where=some, initial=2)
np.max(np.where(some, x, np.nan), 1, where=some, initial=0)
np.where(some, np.log(np.where(some, x, 1)), 1)
np.nansum(np.where(some, x, np.nan), -1, where=x > 1)
np.nanprod(np.where(some, x, np.nan), 2, where=x > 1); np.nanvar(np.where(some, x, np.nan))
np.nanvar(np.where(some, x, np.nan), 2)
np.nanvar(np.where(some, x, np.nan), axis=(0, 1), ddof=1, keepdims=True)
np.nanstd(np.where(some, x, np.nan)); np.nanstd(np.where(some, x, np.nan), 2, ddof=1)
np.nanstd(np.where(some, x, np.nan), axis=(0, 1), keepdims=True)
np.var(np.where(some, x, np.nan), where=some); np.std(np.where(some, x, np.nan), 2, where=some)
np.nanmean(x); np.nanmean(np.where(some, x, np.nan)); np.nanmean(np.where(some, x, np.nan), 1)
np.nanmean(np.where(some, x, np.nan), axis=(0, -1), keepdims=True)
np.nanmean(np.where(some, x, np.nan), 2, where=[True, True, True, False]); np.nanvar(x)
np.nanvar(y, 1, ddof=1); np.nanstd(x); np.nanstd(y, 0)
np.mean(np.where(some, x, np.nan), 1, where=some)
""", SOME)  # fmt: skip

SQUARES = Table(
    {"q": (3, 3), "p": (3, 5), "v": (3,), "b": (3, 2), "t": (2, 3, 3),
     "d": (2, 3, 2), "c": (1, 1)}, (-2.0, 2.0), """
np.linalg.inv(q); np.linalg.inv(t); np.linalg.inv(c); np.linalg.inv(q.T @ q); np.linalg.inv(t.mT)
np.linalg.solve(q, v); np.linalg.solve(q, b); np.linalg.solve(q, q); np.linalg.solve(t, d)
np.linalg.solve(t, v); np.linalg.solve(t, b); np.linalg.solve(q, d); np.linalg.solve(c, c)
np.linalg.solve(q.T, b); np.linalg.solve(t[:1], d); np.linalg.solve(q, [1.0, 2.0, 3.0])
np.linalg.det(q); np.linalg.det(t); np.linalg.det(c); np.linalg.det(q[:2, :2]); np.linalg.det(t.mT)
np.linalg.det(2 * q) ** 2; np.linalg.slogdet(q)[1]; np.linalg.slogdet(q); np.linalg.slogdet(t)
np.linalg.slogdet(t).logabsdet; np.linalg.slogdet(p @ p.T)[1]; np.linalg.slogdet(c)[1]
np.linalg.cholesky(p @ p.T); np.linalg.cholesky(p @ p.T, upper=True)
np.linalg.cholesky(p @ p.T, upper=False); np.linalg.cholesky(q); np.linalg.cholesky(t @ t.mT)
np.linalg.cholesky(c * c); np.linalg.cholesky(t @ t.mT, upper=True); np.linalg.multi_dot([q, p])
np.linalg.multi_dot([b.T, q, p]); np.linalg.multi_dot((v, q, b))
np.linalg.multi_dot([q, b, b.T, v]); np.linalg.multi_dot([v, q, v]); np.linalg.multi_dot([v, v])
np.linalg.multi_dot([p.T, q, q, b]); np.linalg.multi_dot([v, p, p.T, q])
np.linalg.multi_dot([q, v]); np.linalg.multi_dot([p.T, q, b, b.T, p]); np.linalg.trace(q)
np.linalg.trace(t); np.linalg.trace(t, offset=1); np.linalg.trace(d, offset=-1)
np.linalg.trace(q, offset=-2); np.linalg.diagonal(q); np.linalg.diagonal(t)
np.linalg.diagonal(t, offset=1); np.linalg.diagonal(d, offset=-1); np.linalg.outer(v, v)
np.linalg.outer(v, p[0]); np.linalg.vecdot(q, v); np.linalg.vecdot(v, v); np.linalg.vecdot(t, q)
np.linalg.vecdot(t, t, axis=0); np.linalg.vecdot(p, p, axis=-2); np.linalg.cross(v, v + 1)
np.linalg.cross(q, q[::-1]); np.linalg.cross(t, q); np.linalg.cross(p, 2 * p[:, ::-1], axis=0)
np.linalg.cross(d, d[::-1], axis=1); np.linalg.cross(q, v); np.linalg.matmul(q, p)
np.linalg.matmul(t, d); np.linalg.matmul(q, v); np.linalg.matmul(v, t); np.linalg.tensordot(t, q)
np.linalg.tensordot(q, p, axes=1); np.linalg.tensordot(t, d, axes=((0, 1), (0, 1)))
np.linalg.tensordot(v, b, axes=0); np.linalg.matrix_transpose(p); np.linalg.matrix_transpose(d)
np.matrix_transpose(p); np.matrix_transpose(t); p.mT; d.mT; np.permute_dims(p)
np.permute_dims(d, (1, 0, 2)); np.permute_dims(d, axes=(-1, 0, 1)); np.vecdot(q, v); np.vecdot(v, q)
np.vecdot(v, v); np.vecdot(t, q); np.vecdot(d, b); np.matvec(q, v); np.matvec(t, v)
np.matvec(p.T, v); np.vecmat(v, q); np.vecmat(v, p); np.vecmat(v, t); np.vdot(q, q.T); np.vdot(v, v)
np.vdot(p, p[::-1]); np.vdot(t, t[::-1]); np.vdot(v, [1, 2, 3]); np.kron(v, v); np.kron(q, b)
np.kron(v, b); np.kron(b, v); np.kron(d, b); np.kron(t, d); np.kron(2.0, q); np.kron(q, 3)
np.kron(c, v); np.kron(v, p[0]); np.kron(np.eye(2), q); np.cross(v, 2 - v); np.cross(q, q.T)
np.cross(q, v); np.cross(v, q); np.cross(t, q); np.cross(t, t[::-1], axis=1)
np.cross(b, b[::-1], axis=0); np.cross(b, 3 * b[:, ::-1], axisa=0, axisb=0)
np.cross(p, p[::-1], 0, 0, 0); np.cross(p, v, axisa=0); np.cross(q, [1, 2, 3])
np.cross([0.0, 1.0, 2.0], v); np.linalg.cholesky(q, upper=True); np.linalg.vecdot(t, q, axis=1)
""", diagonal=6)  # fmt: skip

NORMS = Table(
    {"v": (4,), "x": (2, 3), "t": (2, 3, 4), "s": ()}, (-2.0, 2.0), """
np.linalg.norm(v); np.linalg.norm(v, 1); np.linalg.norm(v, 2); np.linalg.norm(v, np.inf)
np.linalg.norm(v, -np.inf); np.linalg.norm(v, 3); np.linalg.norm(v, ord=0.5); np.linalg.norm(v, -1)
np.linalg.norm(v, 2.5, keepdims=True); np.linalg.norm(v, 0); np.linalg.norm(v, -2)
np.linalg.norm(s); np.linalg.norm(v, axis=0); np.linalg.norm(v, 1, 0, True)
np.linalg.norm(x, "fro"); np.linalg.norm(x, 1); np.linalg.norm(x, -1); np.linalg.norm(x, np.inf)
np.linalg.norm(x, -np.inf); np.linalg.norm(x, "fro", keepdims=True)
np.linalg.norm(x, 1, keepdims=True); np.linalg.norm(x, 3, 1); np.linalg.norm(x, 1, axis=0)
np.linalg.norm(x, 2, axis=-1); np.linalg.norm(x, np.inf, axis=1)
np.linalg.norm(x, axis=1, keepdims=True); np.linalg.norm(x, 2, 0, keepdims=True)
np.linalg.norm(x, axis=(0, 1)); np.linalg.norm(x, 1, axis=(1, 0)); np.linalg.norm(x, keepdims=True)
np.linalg.norm(t); np.linalg.norm(t, keepdims=True); np.linalg.norm(t, axis=2)
np.linalg.norm(t, 3, axis=1, keepdims=True); np.linalg.norm(t, axis=(0, 1))
np.linalg.norm(t, "fro", (0, 2)); np.linalg.norm(t, "fro", axis=(-1, 0), keepdims=True)
np.linalg.norm(t, 1, axis=(0, 2)); np.linalg.norm(t, 1, axis=(2, 0))
np.linalg.norm(t, -1, axis=(0, 1)); np.linalg.norm(t, np.inf, axis=(1, 2))
np.linalg.norm(t, -np.inf, (-1, 0), keepdims=True)
np.linalg.norm(t, np.inf, axis=(0, 2), keepdims=True); np.linalg.norm(t, axis=[1, 2][0])
np.linalg.norm(x=t, ord=4, axis=-1); np.linalg.norm(x - 1) ** 2; np.linalg.vector_norm(v)
np.linalg.vector_norm(x); np.linalg.vector_norm(t, axis=1); np.linalg.vector_norm(t, axis=(0, 2))
np.linalg.vector_norm(s); np.linalg.vector_norm(t, axis=(0, -1), ord=1, keepdims=True)
np.linalg.vector_norm(x, ord=np.inf); np.linalg.vector_norm(x, ord=-np.inf, axis=1)
np.linalg.vector_norm(x, ord=3); np.linalg.vector_norm(t, ord=0, axis=2)
np.linalg.vector_norm(t, keepdims=True, ord=2.5); np.linalg.vector_norm(t, axis=(2, 0), ord=0.5)
np.linalg.matrix_norm(x); np.linalg.matrix_norm(t); np.linalg.matrix_norm(x, ord="fro")
np.linalg.matrix_norm(t, keepdims=True); np.linalg.matrix_norm(x, ord=1)
np.linalg.matrix_norm(t, ord=-1); np.linalg.matrix_norm(t, ord=np.inf)
np.linalg.matrix_norm(t, ord=-np.inf, keepdims=True); np.linalg.norm(v, np.int64(3))
np.linalg.norm(v, np.float64(1.5))
""")  # fmt: skip

SIGNALS = Table(
    {"x": (2, 3), "v": (4,), "w": (3,), "f": (5,), "s": (), "u": (1,)}, (-2.0, 2.0), """
np.convolve(f, w); np.convolve(w, f); np.convolve(f, w, "full"); np.convolve(f, w, "same")
np.convolve(w, f, "same"); np.convolve(f, w, mode="valid"); np.convolve(w, f, mode="valid")
np.convolve(f, v, "same"); np.convolve(v, f, "same"); np.convolve(v, f, "valid"); np.convolve(f, f)
np.convolve(f, v); np.convolve(v, [1, 2], "same"); np.convolve([0.5, 1, 0.5], v, "valid")
np.convolve(w, u); np.convolve(u, w, "same"); np.convolve(f, s); np.convolve(a=f, v=w, mode="same")
np.convolve(v, v, "same"); np.convolve(v, v, "valid")
np.lib.stride_tricks.sliding_window_view(f, 2); np.lib.stride_tricks.sliding_window_view(f, (3,))
np.lib.stride_tricks.sliding_window_view(x, 2, axis=1)
np.lib.stride_tricks.sliding_window_view(x, (2, 2))
np.lib.stride_tricks.sliding_window_view(x, (1, 2), axis=(1, 0))
np.lib.stride_tricks.sliding_window_view(x, 2, -1).sum(-1)
np.lib.stride_tricks.sliding_window_view(f, window_shape=5) @ f; np.interp(w, np.arange(5.0), f)
np.interp(x, np.array([-3.0, -1, 0, 1, 3]), f); np.interp(2 * x, np.array([-1.0, 0, 1]), w)
np.interp(s, np.array([-3.0, -1, 0, 1, 3]), f); np.interp(0.7, np.array([-1.0, 0, 1]), w)
np.interp(2 * x, np.array([-1.0, 0, 1]), w, left=0); np.interp(2 * x, [-1.0, 0, 1], w, right=7.5)
np.interp(2 * x, [-1, 0, 1], w, 2, 3); np.interp([-2, -1, 0, 0.5, 1, 9], [-1, 0, 1], w)
np.interp(x, np.array([-1.0, 0, 1]), np.array([2.0, 5, 3]))
np.interp(w, [-1, 0, 1, 2], v, left=1, right=-1); np.interp(x, [-1, 0, 1], [2, 5, 3])
np.interp(x, np.array([0.5]), u)
""")  # fmt: skip

LAYOUTS = Table(
    {"x": (2, 3, 4), "b": (2, 4), "c": (4, 4), "v": (3,), "s": (), "z": (2, 3, 2)}, (-2.0, 2.0), """
np.concatenate([b, c], dtype=np.float64)
np.diag(v); np.diag(v, 1); np.diag(v, k=-2); np.diag(c); np.diag(c, 1); np.diag(b, -1)
np.diag(b, k=2); np.diag(c, 9); np.diag(np.diag(c)); np.diagflat(v); np.diagflat(b)
np.diagflat(b, 1); np.diagflat(v, k=-1); np.diagflat(s); np.atleast_1d(s); np.atleast_1d(v)
np.atleast_1d(x); np.atleast_1d(s, v, b); np.atleast_2d(s); np.atleast_2d(v); np.atleast_2d(b)
np.atleast_2d(s, v); np.atleast_3d(s); np.atleast_3d(v); np.atleast_3d(b); np.atleast_3d(x)
np.atleast_3d(v, b); np.fliplr(b); np.fliplr(x); np.flipud(b); np.flipud(v); np.flipud(x)
np.dstack([x, z]); np.dstack([b, 2 * b]); np.dstack([v, v]); np.dstack((s, s))
np.dstack([x, x[:, :, :1]]); np.column_stack([v, v * v]); np.column_stack([b, b])
np.column_stack([b.T, b[0]]); np.column_stack((s, s)); np.append(x, v); np.append(v, s)
np.append(b, b, axis=0); np.append(b, [[1.0], [2.0]], 1); np.append(v, [1, 2])
np.append(x, z, axis=-1); np.block([b, b]); np.block([[b, b], [b, b]]); np.block([v, s])
np.block([[s, v], [v, s]]); np.block(v); np.block([[c], [b]]); np.block([[[x]], [[x]]])
np.block([x, z]); np.block([[1, v], [v, 2]]); np.block(s)
np.block([[c, np.zeros((4, 1))], [np.ones((1, 5))]]); np.hsplit(x, 3); np.hsplit(b, 2)
np.hsplit(v, 3); np.hsplit(b, [1, 3]); np.hsplit(v, [1]); np.vsplit(x, 2); np.vsplit(c, [1, 3])
np.vsplit(b, 2); np.dsplit(x, 2); np.dsplit(x, [1]); np.dsplit(z, 2); np.unstack(x)
np.unstack(x, axis=1); np.unstack(b, axis=-1); np.unstack(v); np.split(x, 2, 2); np.split(v, [1, 2])
np.array_split(v, 2); np.array_split(x, 3, axis=2); np.broadcast_arrays(v, s)
np.broadcast_arrays(b, x[:, :1, :]); np.broadcast_arrays(b[0], x); np.broadcast_arrays(x)
np.broadcast_arrays(v, [[1], [2]]); np.concat([b, c]); np.concat((x, z), axis=2)
np.concat([b, v], axis=None); np.astype(x, np.float64); x.astype(np.float64, copy=False)
np.rollaxis(x, 2); np.rollaxis(x, 0, 3); np.rollaxis(x, 1, 0); np.rollaxis(x, -1, 1)
np.rollaxis(x, 0, -1); np.resize(x, (5, 6)); np.resize(v, 7); np.resize(b, (2, 2))
np.resize(v, (2, 4)); np.resize(s, 3); np.delete(v, 1); np.delete(x, 1, axis=1)
np.delete(x, [0, -1], 2); np.delete(b, slice(1, 3), axis=1); np.delete(x, 5)
np.delete(v, [True, False, True]); np.delete(x, [], axis=0); np.tril(v); np.triu(v, 1)
np.tril(c, -1); np.triu(c); np.tril(x, 1); np.ravel(x, "F"); np.ravel(b, order="F"); x.ravel("F")
x.flatten("F"); np.reshape(x, (4, 6), order="F"); x.reshape(6, 4, order="F"); np.reshape(b, -1, "F")
np.take(x, [[0, 1]], 1)
np.take(x, [9, -9], axis=2, mode="clip"); x.take(3); x.take([0, 1], axis=-1)
np.repeat(v, [2, 0, 1]); x.repeat([1, 2], 0); x.diagonal(0, 1, 2)
x.diagonal(offset=1, axis1=-1, axis2=0); np.diagonal(c, -1); np.roll(b, [1, 2], axis=[0, 1])
np.roll(v, 4); np.flip(x, -2); np.rot90(c, -1); np.rot90(b, 4); np.rot90(x, 3, (1, 2))
np.tile(v, (2, 2)); np.tile(s, (2, 3)); np.expand_dims(v, (0, -1)); np.pad(v, 2)
np.pad(v, (2, 1), "reflect"); np.pad(b, [(1, 2), (0, 1)], constant_values=[(1, 2), (3, 4)])
np.pad(x, ((0, 0), (1, 1), (0, 2)), mode="symmetric"); np.pad(s, 0); np.pad(v, 5, mode="wrap")
np.swapaxes(b, -1, 0); x.swapaxes(0, 1); np.moveaxis(x, [-1], [0]); np.squeeze(x[:1])
x[:, :1].squeeze(1); np.trace(c, dtype=np.float64); c.trace(1); c.trace(offset=-1, axis1=1, axis2=0)
np.transpose(x, [2, 0, 1]); np.take_along_axis(x, np.array([0, 5, 5]), None); np.broadcast_to(s, 3)
np.broadcast_to(v, (2, 3)); x[0][1]
""")  # fmt: skip

HOLLOW = Table(
    {"e": (0, 3), "h": (3, 0), "m": (2, 0, 4), "b": (2, 3), "n": (0,),
     "o": (0, 3, 3), "k": (0, 0)}, (-2.0, 2.0), """
np.arctan2(e, 1); np.resize(e, (2, 2)) + b[:, :2]; np.hypot(e, e); np.reciprocal(e); np.sinc(e)
np.fmax(e, b[0]); np.fmin(e, 1)
np.floor(e); np.round(e, 1); np.remainder(e, 2); np.fmod(e, e); np.floor_divide(e, 2)
np.nan_to_num(e); np.logaddexp2(e, 0); np.degrees(e); np.heaviside(e, 1); np.select([e > 0], [e])
np.sum(e, initial=2); np.sum(e, 0, where=e > 0); np.prod(e, 0, initial=3); np.prod(m, axis=(1, 2))
np.max(e, initial=1); np.max(e, axis=0, initial=2); np.min(e, 0, initial=3)
np.min(m, axis=(0, 1), initial=1); np.nansum(e); np.nansum(e, 0); np.nanprod(m, 1); np.ptp(e, 1)
np.cumprod(e); np.cumprod(e, 0); np.cumprod(m, axis=2); np.diff(e); np.diff(e, axis=0); np.diff(h)
np.diff(n); np.diff(e, 2, prepend=0); np.gradient(e, axis=1); np.sort(m, 2); np.diag(n); np.diag(k)
np.diagflat(n); np.diagflat(e); np.copy(e); np.atleast_1d(n); np.atleast_2d(n); np.atleast_3d(n)
np.atleast_3d(e); np.fliplr(e); np.flipud(e); np.dstack([e, e]); np.column_stack([n, n])
np.column_stack([h, b.T]); np.append(e, b); np.append(e, b, axis=0); np.block([[e], [b]])
np.block([h, b.T]); np.hsplit(e, 3); np.hsplit(n, [0]); np.vsplit(e, [0]); np.dsplit(m, 2)
np.unstack(m, axis=2); np.broadcast_arrays(e, b[0]); np.broadcast_arrays(n, 1); np.vdot(e, e)
np.vdot(n, n); np.vecdot(e, b[0]); np.vecdot(h, h); np.kron(e, b); np.kron(n, n); np.cross(e, b[0])
np.cross(h, h, axis=0); np.linalg.cross(e, e); np.outer(n, b); np.linalg.outer(n, b[0])
np.linalg.norm(e); np.linalg.norm(e, axis=0); np.linalg.norm(e, 1, axis=0)
np.linalg.norm(e, axis=1); np.linalg.norm(e, np.inf, axis=1); np.linalg.norm(n)
np.linalg.norm(e, "fro"); np.linalg.norm(m, axis=(1, 2)); np.linalg.vector_norm(e, ord=1)
np.linalg.vector_norm(m, axis=1); np.linalg.matrix_norm(m)
np.linalg.matrix_norm(m.swapaxes(0, 1), ord=1)
np.linalg.norm(m.swapaxes(0, 1), np.inf, axis=(1, 2)); np.linalg.inv(o); np.linalg.inv(k)
np.linalg.det(o); np.linalg.det(k); np.linalg.slogdet(o)[1]; np.linalg.slogdet(k)[1]
np.linalg.cholesky(o); np.linalg.cholesky(k); np.linalg.solve(o, o); np.linalg.solve(k, k)
np.linalg.solve(k, n); np.linalg.solve(o, b[0]); np.linalg.solve(o, b.T); np.linalg.trace(o)
np.linalg.trace(k); np.linalg.diagonal(o); np.linalg.multi_dot([b, h, e])
np.linalg.multi_dot([e.T, e, b.T]); np.linalg.tensordot(e, e); np.linalg.vecdot(e, e)
np.linalg.matmul(h, e); np.matvec(o, b[0]); np.vecmat(b[0], o); np.matrix_transpose(m)
np.rollaxis(m, 2); np.resize(b, (0, 2)); np.delete(e, 1, axis=1); np.delete(b, [0, 1], 0)
np.delete(b, slice(None)); np.rot90(e); np.rot90(m, 1, (0, 2))
np.take_along_axis(b, np.zeros((0, 3), int), 0)
np.lib.stride_tricks.sliding_window_view(m, 2, axis=2); np.einsum("ij->", e)
np.broadcast_to(n, (3, 0)); np.var(m, axis=2); np.std(m, 0); np.median(e, 1)
np.quantile(m, 0.3, axis=0); np.quantile(e, [0.2, 0.4], axis=1); np.linalg.norm(n, 3)
""")  # fmt: skip

POINTS = Table(
    {"s": (), "r": ()}, (0.3, 2.0), """
np.arctan2(s, r); np.hypot(s, r); np.logaddexp2(s, r); np.fmax(s, r); np.fmin(r, s); np.exp2(s)
np.cbrt(s); np.fabs(s); np.degrees(s); np.sinc(s); np.floor(s); np.round(s, 1); s.round(1); s % r
s // r; np.fmod(s, r); np.heaviside(s, r); np.copy(s); np.nan_to_num(s); np.ptp(s); np.cumprod(s)
np.cumsum(s, 0); np.nansum(s); np.nanprod(s); np.nanmax(s); np.nanmin(s); np.sum(s, where=True)
np.sum(s, initial=2); np.prod(s, initial=2); np.max(s, initial=1); np.min(s, initial=1); np.amax(s)
np.amin(s); np.linalg.vector_norm(s); np.kron(s, r); np.vdot(s, r); np.inner(s, r)
np.convolve(s, r); np.broadcast_arrays(s, r); np.block([s, r]); np.append(s, r)
np.column_stack([s, r]); np.dstack([s, r]); np.full_like(s, s); np.resize(s, (2, 2))
np.diff(np.stack([s, r])); np.tile(s, (1, 2)); np.ravel(s, "F"); np.linalg.det(s[None, None])
np.linalg.norm(s, keepdims=True); np.rollaxis(s[None, None], 1); np.delete(s[None], [])
np.squeeze(s, ()); np.flip(s, ()); np.pad(s[None], 1, "edge"); np.append(s, [1, 2])
np.take(s, [0, 0]); np.atleast_1d(s, r); np.concatenate([s[None], r[None]]); s.cumsum(); s.cumprod()
s.ravel(); s.copy(); s.mean(); np.cumprod(s, axis=0); np.average(s); np.average(s, weights=r)
np.median(s); np.quantile(s, 0.3); np.quantile(s, [0.3, 0.5]); np.percentile(s, 50)
np.median(s, keepdims=True); np.nanmean(s); np.nanvar(s); np.mean(s, where=True)
np.cov(s, bias=True); np.interp(s, [0, 1, 3], [1, 2, 5])
""")  # fmt: skip

#: These are differentiated once only: the second time is refused, or needs an inverse that is not.
SPECTRAL = Table(
    {"x": (2, 3), "q": (3, 3), "t": (2, 3, 4), "c": (1, 1), "v": (3,)}, (-2.0, 2.0), """
np.linalg.norm(x, 2); np.linalg.norm(x, 2, keepdims=True); np.linalg.norm(q, 2)
np.linalg.norm(c, 2); np.linalg.norm(t, 2, axis=(0, 1))
np.linalg.norm(t, 2, axis=(2, 0), keepdims=True); np.linalg.norm(x.T, ord=2)
np.linalg.matrix_norm(x, ord=2); np.linalg.matrix_norm(t, ord=2, keepdims=True)
np.linalg.det(np.outer(v, v)); np.linalg.det(np.ones((3, 3)) * v); np.linalg.det(x.T @ x)
np.linalg.det(np.stack([q, np.outer(v, v)])); np.linalg.det(0 * q[:2, :2])
np.linalg.det(q * [[1, 1, 0]])
""")  # fmt: skip

#: Those whose gradients are differentiated as well.
TWICE = (
    ARITHMETIC, REDUCTIONS, CLIPPING, PRODUCTS, ARRANGEMENTS, EMPTY, SCALARS,
    UFUNCS, SIGNED, STEPS, BELOW_ONE, ABOVE_ONE, CHOSEN, STATISTICS,
    HOLES, SQUARES, NORMS, SIGNALS, LAYOUTS, HOLLOW, POINTS,
)  # fmt: skip
TABLES = (*TWICE, SPECTRAL)

#: Piecewise constant: a plain array comes out.
PLAIN = Table(
    {"x": (3, 4), "y": (4,)}, (-3.0, 3.0), """
x < y; x <= y; x > y; x >= y; x == y; x != y; x < 0; 0 < x; x == 0; np.less(x, y)
np.greater(0, x); np.less_equal(x, y); np.greater_equal(x, y); np.equal(x, y)
np.not_equal(x, 1); np.argmax(x); x.argmax(); np.argmax(x, 1); x.argmax(axis=0)
np.argmax(x, axis=-1, keepdims=True); np.argmin(x); x.argmin(1); np.all(x); x.all()
np.any(x, axis=1); x.any(0); np.isfinite(x); np.isnan(x); np.isinf(x); np.argsort(x, 1)
np.logical_and(x, y); np.logical_or(x, 0); np.logical_not(x); np.argsort(x)
np.argsort(x, axis=None); np.shape(x); np.ndim(x); np.size(x); np.zeros_like(x); np.ones_like(x)
np.allclose(x, x)
np.logical_xor(x, y); np.logical_xor(1, x); np.signbit(x); np.isfinite(y); np.all(x, axis=(0, 1))
np.all(x, 1, keepdims=True); np.all(x, where=x > 0); np.all(x, axis=0, where=x != 0)
np.any(x, axis=-1, keepdims=True); np.any(x, where=x > 0); x.any(axis=1, where=x < 0)
x.all(0, where=x > 0, keepdims=True); np.logical_and.reduce(x); np.logical_or.reduce(x, axis=None)
np.argmin(x, axis=-1, keepdims=True); np.argmin(x, 0); x.argmin(); np.size(x, 0); np.ndim(y)
np.shape(y); np.full_like(x, 7); np.full_like(x, 2, dtype=int); np.full_like(x, 1, shape=(2, 2))
np.empty_like(x).shape; np.count_nonzero(x); np.count_nonzero(x, axis=1); np.nonzero(x); x.nonzero()
np.flatnonzero(x); np.argwhere(x); np.where(x); np.where(x > 0); np.searchsorted(np.arange(4.0), x)
np.isin(x, [1.0, 0.0]); np.digitize(x, np.arange(3.0)); np.isclose(x, y); np.array_equal(x, x)
np.array_equiv(x, y); np.result_type(x); np.lexsort((y, y)); np.argpartition(y, 2)[2:3] * 0
np.nanargmax(x); np.nanargmin(x, 1); x.argsort(); x.argsort(0); np.less(y, 0)
np.zeros_like(x, shape=3); np.isreal(x); np.iscomplexobj(x)
np.linalg.slogdet(x[:, :3] + 3 * np.eye(3)).sign; np.greater.outer(y, y)
""")  # fmt: skip
