"""Lines of NumPy, to be run on arrays and on Tensors (see `test_numpy_functions`).

A letter is an array of the shape given for it; sizes that could be confused are distinct.
"""

from typing import NamedTuple


class Table(NamedTuple):
    """Lines that use the same letters."""

    shapes: dict[str, tuple[int, ...]]
    domain: tuple[float, float]
    lines: str

    def __iter__(self):
        return (line.strip() for line in self.lines.replace("\n", ";").split(";") if line.strip())


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

TABLES = (ARITHMETIC, REDUCTIONS, CLIPPING, PRODUCTS, ARRANGEMENTS, EMPTY, SCALARS)

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
""")  # fmt: skip
