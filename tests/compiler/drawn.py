"""Losses drawn at random, as source, and inputs for them of many sizes, types, layouts and signs.

They have what compiled code gets wrong: many short rows, reshaped results, other memory layouts,
sizes that settle the course, float32 beside float64, scalars of every kind, masks, labels.
"""

from __future__ import annotations

import numpy as np

#: Sizes by name; more rows than are cut into blocks, and few.
ROWS, FEW = (1, 3, 70, 130, 900), (1, 2, 3, 5)


class Drawn:
    """A loss and its inputs; `source` defines it."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.lines, self.values, self.count = [], {}, 0
        self.values = {"X": "nd", "W": "dk", "V": "km", "b": self.pick(["k", "1k"]), "t": "n",
                       "Y": "nk", "s": ""}  # fmt: skip
        for _ in range(self.rng.integers(2, 9)):
            self.step()
        self.finish()
        names = "W, V, b, X, y, t, Y, M, s, reg, i"
        body = "\n".join(f"    {line}" for line in self.lines)
        self.source = f"def loss({names}):\n    n, d, k = X.shape[0], *W.shape\n{body}\n"
        space = {"np": np}
        exec(self.source, space)
        self.loss = space["loss"]
        wrt = [n for n in ("W", "V", "b", "t", "Y", "s") if self.rng.random() < 0.5]
        self.wrt = tuple(wrt) or ("W",)

    def pick(self, things):
        return things[self.rng.integers(len(things))]

    def any(self, *, ndim=None):
        found = [v for v, shape in self.values.items() if ndim is None or len(shape) in ndim]
        recent = found[-4:]
        return self.pick(recent if self.rng.random() < 0.7 else found) if found else None

    def add(self, code, shape):
        self.count += 1
        name = f"v{self.count}"
        self.lines.append(f"{name} = {code}")
        self.values[name] = shape
        return name

    def step(self):
        kinds = [self.matmul, self.matmul, self.unary, self.unary, self.binary, self.binary,
                 self.reduce, self.reduce, self.softmax, self.shape, self.shape, self.label,
                 self.course, self.scalar, self.write, self.join]  # fmt: skip
        self.pick(kinds)()

    def matmul(self):
        pairs = [(a, b) for a, sa in self.values.items() for b, sb in self.values.items()
                 if sa and sb and len(sa) < 3 and len(sb) < 3
                 and sa[-1] == sb[0 if len(sb) == 1 else -2]]  # fmt: skip
        forward = [p for p in pairs if p[0] != p[1]]
        if forward:
            a, b = self.pick(forward[-6:] if self.rng.random() < 0.5 else forward)
            sa, sb = self.values[a], self.values[b]
            call = self.pick(["{} @ {}", "np.dot({}, {})", "np.matmul({}, {})", "{}.dot({})"])
            self.add(call.format(a, b) + " / 4", sa[:-1] + sb[1:] if len(sb) > 1 else sa[:-1])

    def unary(self):
        x = self.any()
        code = self.pick([
            "np.tanh({0})", "np.exp({0})", "np.sin({0})", "np.abs({0})", "np.sqrt(1 + {0} * {0})",
            "np.log(1 + np.exp({0}))", "1 / (1 + np.exp(-{0}))", "np.square({0})", "{0} ** 3",
            "{0} ** 2", "-{0}", "np.maximum({0}, 0)", "np.maximum(0, {0})", "{0} ** -2",
            "np.where({0} > 0.1, {0}, 0.2 * {0})", "np.clip({0}, -1, 1)", "{0} * ({0} > 0.1)",
            "np.minimum({0}, 0.5)", "np.log(1e-9 + {0} * {0})", "{0}.astype(np.float32)",
            "np.log1p(np.exp(-np.abs({0})))", "-({0} * ({0} > 0))", "{0}.copy()", "0 * {0}",
            "np.sqrt(np.abs({0}) + 0.1)", "({0} + 2) ** 0.5", "{0} - np.mean({0})", "2 * {0} - 1",
            "{0} / (1 + np.abs({0}))", "np.exp(-{0} ** 2)", "np.arctan({0})", "abs({0})",
        ])  # fmt: skip
        self.add(code.format(x), self.values[x])

    def together(self, a, b):
        """Return the shape of two that broadcast, None if they do not."""
        sa, sb = self.values[a], self.values[b]
        made = ""
        for i in range(1, max(len(sa), len(sb)) + 1):
            p, q = sa[-i:][:1] if len(sa) >= i else "1", sb[-i:][:1] if len(sb) >= i else "1"
            if p != q and "1" not in (p, q):
                return None
            made = (q if p == "1" else p) + made
        return made

    def binary(self):
        pairs = [(a, b) for a in self.values for b in self.values
                 if self.together(a, b) is not None]  # fmt: skip
        a, b = self.pick(pairs[-12:] if self.rng.random() < 0.5 else pairs)
        code = self.pick(["{0} + {1}", "{0} - {1}", "{0} * {1}", "{0} / (2 + np.abs({1}))",
                          "np.maximum({0}, {1})", "np.minimum({0}, {1})", "{0} * {1} + {0}",
                          "np.where({0} > {1}, {0}, {1})", "np.where({1} > 0, {0}, 0)",
                          "np.sqrt({0} * {1})", "np.abs({0} + 2) ** {1}", "{0} / {1}",
                          "np.logaddexp({0}, {1})", "np.hypot({0}, {1} + 3)"])  # fmt: skip
        self.add(code.format(a, b), self.together(a, b))

    def reduce(self):
        x = self.any(ndim=(1, 2, 3))
        shape = self.values[x]
        axis = self.pick([None, *range(len(shape)), -1, *([(0, 1)] if len(shape) > 1 else [])])
        keep = bool(self.rng.random() < 0.5)
        code = self.pick(
            [
                "np.sum({0}, {1})",
                "np.mean({0}, {1})",
                "np.max({0}, {1})",
                "np.min({0}, {1})",
                "np.var({0}, {1})",
                "{0}.sum({1})",
                "np.sum({0} * {0}, {1})",
                "np.log(np.sum(np.exp({0}), {1}))",
            ]
        )
        axes = range(len(shape)) if axis is None else np.atleast_1d(axis) % len(shape)
        left = (
            "".join("1" if i in axes else c for i, c in enumerate(shape))
            if keep
            else "".join(c for i, c in enumerate(shape) if i not in axes)
        )
        self.add(code.format(x, f"axis={axis}, keepdims={keep}"), left)

    def softmax(self):
        x = self.any(ndim=(2,))
        e = self.add(self.pick(["np.exp({0})", "np.exp({0} - np.max({0}, axis=1, keepdims=True))"])
                     .format(x), self.values[x])  # fmt: skip
        self.add(f"{e} / np.sum({e}, axis=1, keepdims=True)", self.values[x])
        if self.rng.random() < 0.3:
            self.add(f"np.log(v{self.count})", self.values[x])

    def shape(self):
        x = self.any(ndim=(1, 2))
        s = self.values[x]
        options = [(f"{x}.ravel()", None), (f"{x}.reshape(-1)", None), (f"{x}.T", s[::-1]),
                   (f"{x}[::-1]", s), (f"{x}[..., ::-1]", s), (f"{x}[None]", "1" + s),
                   (f"{x}[..., None]", s + "1"), (f"{x}[0]", s[1:]),
                   (f"np.broadcast_to({x}, {x}.shape)", s)]  # fmt: skip
        if len(s) == 2:
            options += [(f"{x}.reshape({x}.shape[1], {x}.shape[0])", s[::-1]),
                        (f"{x}[:, 0]", s[:1]), (f"{x}.ravel().reshape({x}.shape)", s),
                        (f"{x}[:, :, None]", s + "1"), (f"np.swapaxes({x}, 0, 1)", s[::-1]),
                        (f"{x}.T.reshape({x}.shape)", s), (f"np.cumsum({x}, axis=0)", s),
                        (f"np.einsum('ij,ij->i', {x}, {x})", s[:1]),
                        (f"{x}[:, None] - {x}[:, :, None]", s + s[1:])]  # fmt: skip
        code, made = self.pick(options)
        if made is None:  # a size of its own: it meets nothing else
            y = self.add(code, "z")
            self.add(self.pick([f"np.sum({y} ** 2)", f"np.sum(np.tanh({y}))", f"{y} @ {y}"]), "")
            del self.values[y]
        else:
            self.add(code, made)

    def label(self):
        y = self.pick(["y", "y.reshape(-1)", "np.where(y >= 0, y, 0)", "((y + 1) % k)", "(y * 1)"])
        scores = [v for v, shape in self.values.items() if shape == "nk"]
        x = self.pick(scores)
        options = [(f"{x}[np.arange(n), {y}]", "n"), (f"{x}[range(len({x})), {y}]", "n"),
                   (f"V[{y}]", "nm"), (f"np.eye(k)[{y}]", "nk"), (f"np.where(M, {x}, 0)", "nk"),
                   (f"{x}[np.arange(n)[:, None], np.stack([{y}, {y}], 1)].sum(1)", "n"),
                   (f"({x} * M)", "nk"), (f"np.where({x} > 2, -np.inf, {x})", "nk"),
                   (f"np.take_along_axis({x}, {y}[:, None], 1)", "n1")]  # fmt: skip
        self.add(*self.pick(options))

    def course(self):
        x = self.any()
        self.add(self.pick([
            "{0} / max(n, 100)", "({0} if n > 100 else 2 * {0})", "{0} * (3 if k == 2 else 1)",
            "({0} * 2 if i > 1 else {0})", "({0} if reg > 0 else -{0})", "{0} * np.sqrt(d)",
            "{0} * i", "({0} if np.ndim({0}) == 2 else {0} + 1)", "({0} if n % 2 else 3 * {0})",
            "({0} * 2 if X.dtype == np.float32 else {0})",
        ]).format(x), self.values[x])  # fmt: skip

    def scalar(self):
        x = self.any()
        self.add(self.pick(["reg * {0}", "{0} / (reg + 2)", "s * {0}", "{0} + reg ** 2",
                            "np.float32(0.5) * {0}", "np.float64(0.5) * {0}", "{0} - s",
                            "reg / 2 - {0}", "{0} * np.exp(-reg)", "s ** 2 * {0}", "-s + {0}",
                            "{0} * i"])
                 .format(x), self.values[x])  # fmt: skip

    def write(self):
        x = self.any(ndim=(1, 2))
        h = self.add(f"{x} * 1.0", self.values[x])
        self.lines.append(
            self.pick(
                [
                    "{0}[{0} < 0] = 0",
                    "{0} *= 2",
                    "{0} += 0.5",
                    "{0}[0] = 0",
                    "{0} -= {0} * 0.1",
                    "{0}[..., 0] = 1.5",
                ]
            ).format(h)
        )

    def join(self):
        x = self.any(ndim=(1, 2))
        y = self.add(f"np.concatenate([{x}, 2 * {x}], axis={self.pick([0, -1])})", "z")
        self.add(f"np.sum({y} ** 2)", "")
        del self.values[y]

    def finish(self):
        ways = ["np.sum({0})", "np.mean({0})", "np.sum({0} ** 2)", "np.sum({0} * {0})",
                "np.sum(np.tanh({0}))", "np.sum(np.abs({0}))"]  # fmt: skip
        terms = [self.pick(ways).format(v) for v in (*[*self.values][-3:], self.any())]
        if self.rng.random() < 0.5:
            terms.append("0.5 * reg * np.sum(W * W)")
        self.lines.append(f"return {' + '.join(terms)} + 0 * (np.sum(W) + np.sum(V) + np.sum(b))")

    # --- inputs ---

    def inputs(self):
        """Draw inputs: sizes, types, memory layouts, signs and magnitudes are drawn, too."""
        rng = self.rng
        n, d, k, m = self.pick(ROWS), self.pick(FEW), self.pick((2, 3, 5)), self.pick(FEW)
        sizes = {"n": n, "d": d, "k": k, "m": m, "1": 1}
        shapes = {
            "W": "dk",
            "V": "km",
            "b": self.values["b"],
            "X": "nd",
            "t": "n",
            "Y": "nk",
            "s": "",
        }
        both = [np.float64, np.float32]
        kind, found = self.pick(both), {}
        for name, shape in shapes.items():
            value = rng.standard_normal([sizes[c] for c in shape])
            value = value * self.pick([1.0, 1.0, 1.0, 0.1, 30.0])
            value = self.pick([lambda v: v, lambda v: v, np.abs, lambda v: -np.abs(v)])(value)
            dtype = self.pick(both) if rng.random() < 0.2 else kind
            found[name] = self.laid_out(np.asarray(value, dtype))
        found["y"] = rng.integers(0, k, n).astype(
            self.pick([np.int64, np.int32, np.uint8, np.int8])
        )
        found["y"] = self.laid_out(found["y"])
        found["M"] = self.laid_out(rng.random((n, k)) > self.pick([0.5, 0.0, 0.99]))
        found["reg"] = self.pick(
            [0.1, 1.0, 0.0, -1.0, np.float64(0.3), np.float32(0.3), np.array(0.2), 2]
        )
        found["i"] = int(rng.integers(0, 4))
        return {
            name: found[name] for name in ("W", "V", "b", "X", "y", "t", "Y", "M", "s", "reg", "i")
        }

    def laid_out(self, value):
        if not value.ndim:
            return value
        how = self.rng.integers(6)
        if how == 0:
            return np.asfortranarray(value)
        if how == 1:
            return np.repeat(value, 2, axis=-1)[..., ::2]
        if how == 2:
            return np.ascontiguousarray(value[::-1])[::-1]
        if how == 3:
            return np.repeat(value, 2, axis=0)[::2]
        return value

    def reordered(self, inputs):
        """Return the same inputs with rows in another order and, of some, other signs."""
        found = dict(inputs)
        for name, value in inputs.items():
            if isinstance(value, np.ndarray) and value.ndim:
                sign = -1 if value.dtype.kind == "f" and self.rng.random() < 0.5 else 1
                made = value[self.rng.permutation(len(value))]
                found[name] = made if sign == 1 else -made
        return found

    def difference(self, step, automatic, inputs):
        """Return how a compiled step differs from the tape; None if it does not."""
        kept = {n: v.copy() for n, v in inputs.items() if isinstance(v, np.ndarray)}
        wanted = _run(lambda: automatic(**inputs))
        for _ in range(2):
            problem = self._difference(_run(lambda: step(**inputs)), wanted, inputs)
            if problem is not None:
                return problem
        changed = [n for n, v in kept.items() if v.tobytes() != inputs[n].tobytes()]
        return f"{changed} changed" if changed else None

    def _difference(self, found, wanted, inputs):
        if isinstance(wanted, Exception) or isinstance(found, Exception):
            return None if type(found) is type(wanted) else f"{found!r}, not {wanted!r}"
        parts = [("loss", found[0], wanted[0])]
        parts += [(n, found[1][n], g) for n, g in zip(self.wrt, wanted[1], strict=True)]
        if not all(np.isfinite(want).all() for _, _, want in parts):
            return None  # the stable form may be finite where the loss as written is not
        arrays = [*inputs.values(), *(want for _, _, want in parts)]
        single = "float32" in self.source or any(np.asarray(v).dtype == np.float32 for v in arrays)
        rtol, least = (1e-3, 1e-6) if single else (1e-7, 1e-12)
        for name, *pair in parts:
            got, want = map(np.asarray, pair)
            if (got.shape, got.dtype) != (want.shape, want.dtype):
                return f"{name} is {got.dtype} {got.shape}, not {want.dtype} {want.shape}"
            atol = rtol * np.max(np.abs(want), initial=0) + least * abs(float(wanted[0]))
            if not np.allclose(got, want, rtol=rtol, atol=atol):
                return f"{name} is off by {np.max(np.abs(got - want))}"
        return None


def _run(function):
    try:
        with np.errstate(all="ignore"):
            return function()
    except Exception as error:
        return error
