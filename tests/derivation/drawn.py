"""Whole random programs: functions with local variables, several inputs of unequal ranks.

A program is built line by line as text, and every line is run at once on the inputs, so that what
would overflow, or hang on the rounding of a tie, is drawn again.
"""

import linecache
from itertools import count
from typing import Any, NamedTuple

import numpy as np

import tinygrad_softmax as tg

N, D, K = 5, 4, 3
SHAPES = {"x": (N, K), "c": (N, K), "X": (N, D), "W": (D, K), "r": (1, K), "v": (K,),
          "col": (N, 1), "s": (), "row": (N,), "u": (D, 1)}  # fmt: skip
UNARY = ["np.exp(0.3 * {a})", "np.tanh({a})", "np.square({a})", "{a} ** 2", "{a} ** 3",
         "np.log(1.5 + {a} * {a})", "np.sqrt(1.5 + {a} ** 2)", "np.maximum(0, {a})",
         "np.maximum({a}, 0.1)", "np.minimum({a}, 0.4)", "1 / (1 + np.exp(-{a}))",
         "tg.sigmoid({a})", "-{a}", "2 * {a} - 1", "{a} / 3", "np.abs({a})", "{a} + {a}",
         "np.where({a} > 0, {a}, 0.1 * {a})", "(1.5 + {a} * {a}) ** -0.5", "{a}",
         "np.log(np.exp({a}) + 1)", "1 - {a}", "np.clip({a}, -0.7, 0.7)", "tg.softplus({a})",
         "{a} * ({a} > 0.1)", "np.zeros_like({a}) + {a}", "np.power(1.1 + np.tanh({a}), 1.5)",
         "np.sin({a})", "np.log1p({a} ** 2)", "reg * {a}", "{a} / N", "np.sum({a} * {a}) * {a}",
         "{a} * np.ones({a}.shape)", "relu({a})"]  # fmt: skip
BINARY = ["{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / (2 + {b} * {b})", "np.maximum({a}, {b})",
          "np.minimum({a}, {b})", "np.where({a} > {b}, {a}, 0.5 * {b})", "{a} - 0.5 * {b}",
          "({a} + {b}) * {a}", "{a} * np.exp(0.2 * {b})", "{a} / np.sqrt(1 + {b} ** 2)",
          "({a} - {b}) ** 2", "{a} + {b} + {a}", "np.exp(0.1 * ({a} - {b}))", "affine({a}, {b})",
          "(1.2 + np.tanh({a})) ** np.tanh({b})", "{a} * {b} / (1 + np.exp({b}))",
          "np.multiply({a}, {b}) + {b} * {a}"]  # fmt: skip
REDUCE = ["np.sum({a}, axis={i})", "np.sum({a}, axis={i}, keepdims=True)", "np.mean({a}, axis={i})",
          "np.mean({a}, axis={i}, keepdims=True)", "np.max({a}, axis={i}, keepdims=True)",
          "np.max({a}, axis={i})", "{a}.sum(axis={i})", "{a}.mean(axis={i}, keepdims=True)",
          "{a} - np.mean({a}, axis={i}, keepdims=True)", "np.sum({a})", "np.mean({a})",
          "np.log(np.sum(np.exp({a}), axis={i}))", "np.max({a})", "np.var({a}, axis={i})",
          "{a} / np.sqrt(1 + np.sum({a} * {a}, axis={i}, keepdims=True))", "np.min({a}, axis={i})",
          "{a} / (1 + np.sum(np.exp({a}), axis={i}, keepdims=True))", "np.flip({a}, axis={i})",
          "np.cumsum({a}, axis={i})", "np.stack([{a}, 2 * {a}], axis={i})"]  # fmt: skip
MATRIX = ["np.exp({a}) / np.sum(np.exp({a}), axis=1, keepdims=True)", "tg.softmax({a})",
          "tg.log_softmax({a})", "{a}.T", "{a}[1:]", "{a}[:, 0]", "{a}[0]", "{a}[:, None, :]",
          "{a}.reshape(-1)", "{a}[:, :1]", "{a}[-1:]", "np.concatenate([{a}, {a}], axis=1)",
          "{a} - np.max({a}, axis=1, keepdims=True)", "np.concatenate([{a}, {a}[:1]])",
          "{a}[0, 0]", "np.transpose({a})", "{a} @ {a}.T", "{a}.T @ {a}", "{a}[:-1]", "{a}[::2]",
          "{a} - np.log(np.sum(np.exp({a}), axis=1, keepdims=True))", "{a}[:, ::-1]",
          "tg.softmax({a}, axis=0)", "np.hstack([{a}, np.ones(({a}.shape[0], 1))])",
          "np.squeeze({a}[:, :1])", "np.vstack([{a}, -{a}])", "np.einsum('ij,ij->i', {a}, {a})",
          "{a}[1:] - {a}[:-1]", "np.reshape({a}, ({a}.shape[1], {a}.shape[0]))",
          "np.exp({a} - np.max({a}, axis=1, keepdims=True))", "{a}[[0, 1, 1]]"]  # fmt: skip
VECTOR = ["{a}[None]", "{a}[:, None]", "{a}[0]", "{a}[1:]", "{a} @ {a}", "{a}.reshape(-1, 1)",
          "{a}[None, :] * {a}[:, None]", "{a}[::-1]", "np.dot({a}, {a})", "np.outer({a}, {a})",
          "tg.softmax({a})", "np.expand_dims({a}, 0)", "{a}[..., None]"]  # fmt: skip
PICK = ["{a}[np.arange({a}.shape[0]), y]", "{a}[range({a}.shape[0]), y]", "{a}[range(N), y]",
        "-np.log({a}[range(N), y] ** 2 + 1)", "{a}[y]", "tg.cross_entropy({a}, y)"]  # fmt: skip
ENDS = ["np.sum({a})", "np.mean({a})", "0.5 * reg * np.sum({a} * {a})", "np.sum({a}) / N",
        "np.mean({a} ** 2)", "-np.mean({a})", "np.sum(np.tanh({a}))", "reg * np.sum({a} ** 2)",
        "np.sum(np.exp(0.1 * {a}))", "np.sum({a}) * np.mean({a})"]  # fmt: skip
HELPERS = """
def relu(values):
    clipped = np.maximum(0, values)
    return clipped

def affine(a, b):
    doubled = 2 * a
    return doubled + b
"""
_FILES = count()


def _run(text: str) -> dict[str, Any]:
    """Run a text as a file, so that its functions' variables have names."""
    file = f"<drawn program {next(_FILES)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    space: dict[str, Any] = {"np": np, "tg": tg}
    exec(compile(HELPERS + text, file, "exec"), space)
    return space


def _helpers() -> dict[str, Any]:
    return _run("")


class Drawn(NamedTuple):
    """A random program: its text, the function, by what to differentiate, and its inputs."""

    text: str
    loss: Any
    wrt: tuple[str, ...]
    inputs: dict[str, Any]


class Composer:
    """Builds one program from the choices of `random`."""

    def __init__(self, random: Any) -> None:
        self.random = random
        rng = np.random.default_rng(random.randrange(2**32))
        chosen = random.sample(sorted(SHAPES), random.randint(2, 5))
        self.inputs: dict[str, Any] = {n: rng.standard_normal(SHAPES[n]) for n in chosen}
        self.inputs |= {"y": rng.integers(0, K, N), "reg": 0.1, "N_": np.zeros((N, 1))}
        self.lines: list[str] = []
        self.space: dict[str, Any] = _helpers() | self.inputs | {"N": N}
        # the same at larger inputs: fresh ones may be larger too
        self.wide = self.space | {n: 4 * np.tanh(2 * self.inputs[n]) for n in chosen}
        self.names = [*chosen]
        self.used: set[str] = set()

    def pick(self, ndim: int | None = None) -> str:
        """A name, with so many axes if any has; later ones and unused ones sooner."""
        names = [n for n in self.names if ndim is None or np.ndim(self.space[n]) == ndim]
        fresh = [n for n in names if n not in self.used]
        name = self.random.choice(fresh if fresh and self.random.random() < 0.4 else
                                  names or self.names)  # fmt: skip
        self.used.add(name)
        return str(name)

    def right_side(self) -> str:
        kind = self.random.choice(["unary", "unary", "binary", "binary", "binary", "reduce",
                                   "matrix", "product", "vector", "pick"])  # fmt: skip
        choice = self.random.choice
        if kind == "unary":
            return str(choice(UNARY)).format(a=self.pick())
        if kind == "binary":
            return str(choice(BINARY)).format(a=self.pick(), b=self.pick())
        if kind == "reduce":
            a = self.pick(choice([1, 2, 2]))
            i = choice(range(np.ndim(self.space[a]))) if np.ndim(self.space[a]) else None
            return str(choice(REDUCE)).format(a=a, i=i)
        if kind == "matrix":
            return str(choice(MATRIX)).format(a=self.pick(2))
        if kind == "vector":
            return str(choice(VECTOR)).format(a=self.pick(1))
        if kind == "pick":
            a = self.pick(2)
            shape = np.shape(self.space[a])
            fits = [p for p in PICK if shape == (N, K) or (p == "{a}[y]" and shape[:1] == (K,))]
            return str(choice(fits or ["{a}"])).format(a=a)
        a, b = self.pick(choice([1, 2, 2])), self.pick(choice([1, 2, 2]))
        return f"{a} @ {b} / {choice([1, 2, 10])}"

    def value(self, text: str) -> Any:
        """The value of an expression, None if it does not fit or is not well-behaved."""
        try:
            with np.errstate(all="raise"):
                found, wide = eval(text, self.space), eval(text, self.wide)
        except (TypeError, ValueError, IndexError, FloatingPointError, np.exceptions.AxisError):
            return None
        small = np.max(np.abs(found), initial=0) < 8 and np.max(np.abs(wide), initial=0) < 60
        return (found, wide) if small and 0 < np.size(found) < 200 else None

    def line(self) -> None:
        """Add a line that gives a value a name, sometimes one that is bound anew."""
        for _ in range(20):
            text = self.right_side()
            found = self.value(text)
            if found is not None and self._stands_clear(text):
                locals_ = [n for n in self.names if n not in self.inputs]
                again = locals_ and self.random.random() < 0.1
                name = self.random.choice(locals_) if again else f"h{len(self.lines)}"
                self.lines.append(f"{name} = {text}")
                self.space[name], self.wide[name] = found
                self.names = [*dict.fromkeys([*self.names, name])]
                self.used.discard(name)
                return

    def _stands_clear(self, text: str) -> bool:
        """Whether no choice in the line hangs on the rounding of a tie."""
        if not any(word in text for word in ("max", "min", "where", "abs", "clip", "relu", ">")):
            return True
        arrays = [np.ravel(self.space[n]) for n in self.names]
        every = np.unique(np.concatenate([*arrays, [0, 0.1, 0.4, 0.7, -0.7]]))
        gaps = np.diff(every)
        return not ((gaps > 0) & (gaps < 1e-9)).any()

    def program(self) -> Drawn:
        """Compose the whole program."""
        for _ in range(self.random.randint(1, 9)):
            self.line()
        floats = [n for n in self.names if n in self.inputs]
        ends = []
        for _ in range(self.random.randint(1, 3)):
            self.used |= {*floats}
            ends.append(str(self.random.choice(ENDS)).format(a=self.pick()))
        body = ["N = N_.shape[0]", *self.lines]
        ends.append(f"np.sum({floats[0]} ** 2)")
        if self.random.random() < 0.3:
            body += [f"loss = {ends[0]}", *(f"loss = loss + {end}" for end in ends[1:])]
            ends = ["loss"]
        text = "\n    ".join([f"def loss({', '.join(self.inputs)}):", *body,
                              f"return {' + '.join(ends)}"]) + "\n"  # fmt: skip
        loss = _run(text)["loss"]
        return Drawn(text, loss, self.wrt(loss, floats), self.inputs)

    def wrt(self, loss: Any, floats: list[str]) -> tuple[str, ...]:
        """One to three inputs, at least one of which moves the loss, if any does."""
        _, slopes = tg.value_and_grad(loss, wrt=tuple(floats))(**self.inputs)
        live = [n for n, slope in zip(floats, slopes, strict=True) if np.any(slope)] or [floats[0]]
        first = self.random.choice(live)
        others = [n for n in floats if n != first]
        return (first, *self.random.sample(others, self.random.randint(0, min(2, len(others)))))
