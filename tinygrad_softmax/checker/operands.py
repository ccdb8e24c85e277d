"""What may be missing in a line: names, sizes, constants, and parts of the loss and its gradient.

Imports `source` and `values`. A part of the loss is said in the variables of the line, found by
their values, so that nothing depends on what the two functions call things.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import combinations, permutations
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from .source import names_in, placed
from .values import Values, key_of

#: An operand of more nodes than this is no slip of the pen.
_LARGEST = {"own": 20, "name": 12, "number": 9, "size": 9, "loss": 28, "derived": 90}
_HELD = (np.ndarray, np.generic, bool, int, float)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and bool(value.ndim)


class Operand(NamedTuple):
    """An expression in the variables of a line, with its values at the points."""

    node: ast.expr
    values: tuple[Any, ...]
    cost: float
    origin: str  # "name", "size", "number", "loss", "derived"
    line: str = ""  # of the loss, where it was found
    text: str = ""
    size: int = 1
    shape: tuple[int, ...] = ()
    kind: str = "f"
    names: frozenset[str] = frozenset()


class Part(NamedTuple):
    """An expression of another function, with its values."""

    node: ast.expr
    values: tuple[Any, ...]
    key: Any
    origin: str
    line: str


class Parts:
    """The expressions of the loss, or of the derived gradient.

    Parameters
    ----------
    tree : ast.AST
        A function.
    values : tuple of Values
        What its expressions came to at the points.
    origin : str
        "loss" or "derived".
    lines : list of str
        The file.
    """

    def __init__(
        self, tree: Any, values: tuple[Values, ...], origin: str, lines: list[str]
    ) -> None:
        self.tree, self.values, self.origin = tree, values, origin
        self.by_node: dict[int, Part] = {}
        self.definitions: dict[tuple[str, Any], ast.expr] = {}
        self.constants: dict[Any, ast.Constant] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and type(node.value) is not bool and isinstance(
                node.value, (int, float)
            ):  # fmt: skip
                self.constants.setdefault(float(node.value), node)
            if not isinstance(node, ast.expr):
                continue
            found = tuple(v.of.get(id(node)) for v in values)
            if any(v is None for v in found):
                continue
            line = lines[node.lineno - 1].strip() if node.lineno <= len(lines) else ""
            self.by_node[id(node)] = Part(node, found, key_of(found), origin, line)
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                target, part = node.targets[0], self.by_node.get(id(node.value))
                if isinstance(target, ast.Name) and part is not None:
                    self.definitions[target.id, part.key] = node.value

    def __iter__(self) -> Iterator[Part]:
        return iter(self.by_node.values())


class Scope:
    """The variables that a statement can use, and what can be made of them.

    Parameters
    ----------
    variables : tuple of dict
        What they hold before the statement, at each point.
    space : mapping
        Globals and the closure of the function.
    """

    def __init__(self, variables: tuple[dict[str, Any], ...], space: Mapping[str, Any]) -> None:
        self.variables, self.space = variables, space
        self.names: dict[str, tuple[Any, ...]] = {}
        for name in (n for n in variables[0] if not n.startswith("__")):
            held = tuple(v.get(name) for v in variables)
            if all(isinstance(v, _HELD) for v in held):
                self.names[name] = held
                continue
            for text, inner in _inside(name, held):
                if all(isinstance(v, _HELD) for v in inner):
                    self.names[text] = inner
        self.keys = {name: key_of(held) for name, held in self.names.items()}
        self.by_key: dict[Any, str] = {}
        for name, key in self.keys.items():
            self.by_key.setdefault(key, name)

    def is_pure(self, node: ast.AST) -> bool:
        """Whether nothing is called that an object of the learner's may keep something of."""
        for call in ast.walk(node):
            root: Any = call.func if isinstance(call, ast.Call) else None
            while isinstance(root, (ast.Attribute, ast.Subscript)):
                root = root.value
            held = self.variables[0].get(root.id) if isinstance(root, ast.Name) else None
            if hasattr(held, "__dict__") and not isinstance(held, (FunctionType, ModuleType)):
                return False
        return True

    def evaluated(self, node: ast.expr) -> tuple[Any, ...] | None:
        """Return what an expression comes to at the points; None if it fails."""
        if not self.is_pure(node):
            return None
        try:
            code = compile(ast.fix_missing_locations(ast.Expression(node)), "<operand>", "eval")
            with np.errstate(all="ignore"):
                found = tuple(eval(code, {**self.space, **v}) for v in self.variables)
        except Exception:  # candidates are drawn blindly: one may raise whatever NumPy raises
            return None
        return found

    def said(self, part: Part, parts: Parts, depth: int = 0) -> Any:
        """Return an expression of another function in the variables here; None if it needs more."""
        name = self.by_key.get(part.key)
        node = part.node
        if (
            name is not None
            and not isinstance(node, (ast.Constant, ast.List, ast.Tuple))
            and _is_array(part.values[0])
        ):
            return named(name)
        if depth > 12:
            return None
        if isinstance(node, ast.Name):
            if self.keys.get(node.id) == part.key:
                return ast.Name(node.id, ast.Load())
            if name is not None:
                return named(name)
            body = parts.definitions.get((node.id, part.key))
            known = parts.by_node.get(id(body))
            return self.said(known, parts, depth + 1) if known is not None else None
        if isinstance(node, (ast.Attribute, ast.Subscript)):  # of an object both functions see
            if self.keys.get(ast.unparse(node)) == part.key:
                return node
            if name is not None and isinstance(node, ast.Attribute) and name in self.keys:
                return named(name)
        return self._rebuilt(node, parts, depth)

    def _rebuilt(self, node: Any, parts: Parts, depth: int) -> Any:
        made = type(node)()
        for field, value in ast.iter_fields(node):
            if isinstance(value, list):
                items = [self._part(v, parts, depth) for v in value]
                if any(item is None for item in items):
                    return None
                setattr(made, field, items)
            elif isinstance(value, ast.AST):
                item = self._part(value, parts, depth)
                if item is None:
                    return None
                setattr(made, field, item)
            else:
                setattr(made, field, value)
        return made

    def _part(self, node: Any, parts: Parts, depth: int) -> Any:
        if not isinstance(node, ast.expr):
            return self._rebuilt(node, parts, depth) if isinstance(node, ast.keyword) else node
        if isinstance(node, ast.Constant):
            return node
        part = parts.by_node.get(id(node))
        if part is not None:
            return self.said(part, parts, depth + 1)
        if isinstance(node, ast.Name):  # a module or a function
            return (
                node
                if node.id in self.space or hasattr(np, node.id) or node.id in _BUILTIN
                else None
            )
        if isinstance(node, (ast.Attribute, ast.Tuple, ast.Slice, ast.Call, ast.Subscript)):
            return self._rebuilt(node, parts, depth)
        return None


_BUILTIN = frozenset(["range", "len", "float", "int", "max", "min", "sum", "abs", "list", "tuple"])


def _inside(name: str, held: tuple[Any, ...]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield what the attributes of an object hold, or the entries of a dict, as code."""
    first, *rest = held
    if isinstance(first, SimpleNamespace):
        first, *rest = (vars(o) if isinstance(o, SimpleNamespace) else {} for o in held)
        form = "{}.{}"
    else:
        form = "{}[{!r}]"
    if isinstance(first, dict) and all(isinstance(o, dict) for o in rest):
        for key in [k for k in first if isinstance(k, str)][:40]:
            yield form.format(name, key), tuple(o.get(key) for o in (first, *rest))


@lru_cache(1000)
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def named(name: str) -> ast.expr:
    """Return a variable, an attribute or an entry as a node of its own."""
    return copy.deepcopy(_parsed(name))


class Pool:
    """What may be missing anywhere in a function, none twice by value.

    Parameters
    ----------
    scope : Scope
        The variables at the end of the function.
    sources : list of Parts
        Whose expressions are taken: the function's own, the loss's, the derived gradient's.
    helpers : tuple of str
        The learner's functions of one array.
    """

    def __init__(self, scope: Scope, sources: list[Parts], helpers: tuple[str, ...]) -> None:
        self.scope, self.found = scope, dict[Any, Operand]()
        points = len(scope.variables)
        constants = [ast.Constant(2), *(c for p in sources for c in p.constants.values())]
        for i, constant in enumerate(constants):
            node = ast.Constant(constant.value)
            self._add(node, (constant.value,) * points, 0.3 if i else 0.2, "number")
        for parts in (p for p in sources if p.origin in ("own", "loss")):
            for part in parts:  # a size as the learner writes it, or as the loss has it
                is_written = isinstance(part.node, (ast.Call, ast.Subscript, ast.Attribute))
                is_size = is_written and type(part.values[0]) is int
                said = scope.said(part, parts) if is_size else None
                if said is not None:
                    self._add(said, scope.evaluated(said), 0.3, "size", part.line)
        for name, values in scope.names.items():
            for axis in range(np.ndim(values[0])) if not name.startswith("d") else ():
                size = ast.parse(f"{name}.shape[{axis}]", mode="eval").body
                self._add(size, tuple(np.shape(v)[axis] for v in values), 0.35, "size")
        for name, values in scope.names.items():
            for text, cost in _slopes_by_range(name, values[0]):
                made = ast.parse(text, mode="eval").body
                self._add(made, scope.evaluated(made), cost, "name")
        self.unused = {n for parts in sources if parts.origin == "own" for n in _unused(parts.tree)}
        sizes = [o.text.strip("`") for o in self.found.values() if o.origin == "size"]
        over = [f"{n} / {size}" for n in self.unused & scope.names.keys() for size in
                (*integer_names(scope), *sizes[:6])]  # fmt: skip
        taken = {a.arg for p in sources if p.origin == "own" for a in p.tree.args.args}
        products = (*_products_of(scope), *_passed_on(scope, taken))
        for text, cost in (*((t, 0.4) for t in over), *products, *_of_arrays(scope)):
            made = ast.parse(text, mode="eval").body
            self._add(made, scope.evaluated(made), cost, "name")
        whole = [*integer_names(scope), *(o.text.strip("`") for o in self.found.values()
                                          if o.kind == "i" and not o.shape)]  # fmt: skip
        for one, other in permutations(list(dict.fromkeys(whole))[:7], 2):
            made = ast.BinOp(named(one), ast.Div(), named(other))  # as of an unbiased variance
            cost = 0.3 if isinstance(named(other), ast.BinOp) else 0.6
            self._add(made, scope.evaluated(made), cost, "name")
        for helper in helpers:
            for text in _arrays(scope):
                made = ast.parse(f"{helper}({text})", mode="eval").body
                self._add(made, scope.evaluated(made), 0.5, "name")
        for parts in sources:
            extra = {"own": 0.25, "loss": 0.3}.get(parts.origin, 0.6)
            for part in parts:
                for form in (*_forms(part, scope, parts), *_renumbered(part, scope)):
                    cost = extra + 0.02 * sum(1 for _ in ast.walk(form))
                    self._add(form, scope.evaluated(form), cost, parts.origin, part.line)

    def _add(self, node: ast.expr, values: Any, cost: float, origin: str, line: str = "") -> None:
        operand = _operand(node, values, cost, origin, line)
        if operand is not None:
            self.found.setdefault(key_of(values), operand)

    def at(self, scope: Scope, once: bool) -> list[Operand]:
        """Return what can be used where these variables are, the likelier first.

        In a loop (not `once`) variables may differ that hold the same in the last turn.
        """
        found: dict[Any, Operand] = {}
        for name, values in scope.names.items():
            cost = 0.05 if name in self.unused else 0.2  # it was made for something
            operand = _operand(named(name), values, cost, "name", "")
            if operand is not None:
                found.setdefault(scope.keys[name] if once else name, operand)
        same = {n for n, key in self.scope.keys.items() if scope.keys.get(n) == key}
        known = same | _BUILTIN | scope.space.keys() - self.scope.names.keys()
        known |= scope.variables[0].keys() - scope.names.keys()  # objects and dicts
        for key, operand in self.found.items():
            if operand.names <= known:
                found.setdefault(key, operand)
        return sorted(found.values(), key=lambda o: o.cost)


def _slopes_by_range(name: str, value: Any) -> Iterator[tuple[str, float]]:
    """Yield what may be the slope of an activation, by the range of its values."""
    if not (isinstance(value, np.ndarray) and value.size > 1 and value.dtype.kind == "f"):
        return
    low, high = value.min(), value.max()
    if low <= 0 < high:
        yield f"({name} > 0)", 0.45
    if low > 0 and high < 1:
        yield f"{name} * (1 - {name})", 0.55
    if -1 < low < 0 < high < 1:
        yield f"(1 - {name} ** 2)", 0.5


def _renumbered(part: Part, scope: Scope) -> Iterator[ast.expr]:
    """Yield ``reg * W1`` for ``reg * W2``."""
    if part.origin != "own" or not isinstance(part.node, ast.BinOp):
        return
    if sum(1 for _ in ast.walk(part.node)) <= 16:
        text = ast.unparse(part.node)
        for digit in "123":
            other = re.sub(r"(?<=[A-Za-z_])[0-9]\b", digit, text)
            if other != text:
                yield named(other)


def _unused(tree: Any) -> set[str]:
    """Return the variables that are assigned and never read."""
    names = [n for n in ast.walk(tree) if isinstance(n, ast.Name)]
    read = {n.id for n in names if isinstance(n.ctx, ast.Load)}
    return {n.id for n in names if isinstance(n.ctx, ast.Store)} - read


def _products_of(scope: Scope) -> Iterator[tuple[str, float]]:
    """Yield the products of a gradient with another matrix: of another path of the chain rule."""
    shapes = {n: np.shape(v[0]) for n, v in scope.names.items() if np.ndim(v[0]) == 2}
    for one in [n for n in shapes if n.startswith(("d", "grad", "delta"))][:12]:
        for other in [n for n in shapes if n != one][:20]:
            (a, b), (c, d) = shapes[one], shapes[other]
            forms = ((b == d, "{0} @ {1}.T"), (b == c, "{0} @ {1}"), (a == c, "{1}.T @ {0}"),
                     (d == a, "{1} @ {0}"))  # fmt: skip
            yield from ((form.format(one, other), 0.7) for fits, form in forms if fits)


def _passed_on(scope: Scope, taken: set[str]) -> Iterator[tuple[str, float]]:
    """Yield the gradient that comes into a layer times an array, as where a path skips the rest."""
    shapes = {n: [np.shape(v) for v in held] for n, held in scope.names.items() if np.ndim(held[0])}
    for one in [n for n in shapes if n in taken and n.startswith(("d", "grad", "g", "up"))][:3]:
        alike = [n for n in shapes if n != one and shapes[n] == shapes[one]]
        yield from ((f"{one} * {other}", 0.55) for other in alike[:12] if other[0] != "d")


def _of_arrays(scope: Scope) -> Iterator[tuple[str, float]]:
    """Yield the rows that an index picks, and the identity, if there is a square array."""
    whole = integer_names(scope)
    square = False
    for name, held in scope.names.items():
        if np.ndim(held[0]) >= 1 and np.asarray(held[0]).dtype.kind == "f":
            yield from ((f"{name}[{i}]", 0.5) for i in whole[:6])
        shapes = [np.shape(v) for v in held]
        if not square and all(len(s) == 2 and s[0] == s[1] > 1 for s in shapes):
            square = True
            size = scope.by_key.get(key_of(tuple(s[0] for s in shapes)), f"len({name})")
            yield f"np.eye({size})", 0.5


def _arrays(scope: Scope) -> Iterator[str]:
    """Yield what holds an array of several numbers: variables, the last items of lists."""
    for name, held in scope.variables[0].items():
        value = held[-1] if isinstance(held, list) and held else held
        if isinstance(value, np.ndarray) and value.size > 1 and value.dtype.kind == "f":
            yield name if value is held else f"{name}[-1]"


def _operand(node: ast.expr, values: Any, cost: float, origin: str, line: str) -> Operand | None:
    """Return an operand, unless it is too long, or no finite number or array."""
    size = sum(1 for _ in ast.walk(node))
    if values is None or size > _LARGEST[origin]:
        return None
    arrays = [np.asarray(v) for v in values if isinstance(v, _HELD)]
    if len(arrays) < len(values) or not all(a.dtype.kind in "biuf" for a in arrays):
        return None
    if not all(np.all(np.isfinite(a)) for a in arrays):
        return None
    text, names = f"`{ast.unparse(node)}`", frozenset(names_in(node))
    shape, kind = arrays[0].shape, arrays[0].dtype.kind
    return Operand(node, values, cost, origin, line, text, size, shape, kind, names)


def integer_names(scope: Scope) -> list[str]:
    """Return the variables that hold an index."""
    return [n for n, held in scope.names.items() if isinstance(held[0], (int, np.integer))
            and not isinstance(held[0], bool)]  # fmt: skip


def _forms(part: Part, scope: Scope, parts: Parts) -> Iterator[ast.expr]:
    """Yield a part of the loss in the variables here, its sub-products, and its slopes."""
    node = part.node
    if isinstance(node, (ast.Tuple, ast.List, ast.Constant)):
        return
    said = scope.said(part, parts)
    if said is not None and not isinstance(said, ast.Constant):
        yield said
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        yield from _products(node, scope, parts)
        yield from _penalties(node, scope, parts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        yield from _without_numbers(node, scope, parts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        yield from _sums(node, scope, parts)
    if isinstance(node, ast.Call):
        yield from _slopes(node, said, scope, parts)


def _chain(node: ast.expr, over: bool, kinds: tuple[Any, Any]) -> Iterator[tuple[ast.expr, bool]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, kinds):
        yield from _chain(node.left, over, kinds)
        yield from _chain(node.right, over != isinstance(node.op, kinds[1]), kinds)
    else:
        yield node, over


def _subsets(node: ast.expr, kinds: tuple[Any, Any], scope: Scope, parts: Parts) -> Iterator[Any]:
    items = []
    for item, over in _chain(node, False, kinds):
        said = scope._part(item, parts, 0)
        if said is not None:
            items.append((said, over))
    if not 2 <= len(items) <= 5:
        return
    for n in range(2, len(items) + 1):
        for some in combinations(items, n):
            if not all(over for _, over in some):
                yield sorted(some, key=lambda i: i[1])
    for some in combinations(items, 2):
        if all(over for _, over in some):  # one divisor of several
            yield [(item, False) for item, _ in some]


def _products(node: ast.expr, scope: Scope, parts: Parts) -> Iterator[ast.expr]:
    for some in _subsets(node, (ast.Mult, ast.Div), scope, parts):
        made = some[0][0]
        for item, over in some[1:]:
            made = ast.BinOp(made, ast.Div() if over else ast.Mult(), item)
        yield made


def _without_numbers(node: ast.BinOp, scope: Scope, parts: Parts) -> Iterator[ast.expr]:
    """Yield ``x @ R.T`` for ``scale * x @ R.T``."""
    right = scope._part(node.right, parts, 0)
    if right is None or not isinstance(node.left, ast.BinOp):
        return
    for item, over in _chain(node.left, False, (ast.Mult, ast.Div)):
        held = parts.by_node.get(id(item))
        said = scope._part(item, parts, 0)
        if not over and said is not None and held is not None and np.ndim(held.values[0]) > 1:
            yield ast.BinOp(said, ast.MatMult(), right)


def _penalties(node: ast.expr, scope: Scope, parts: Parts) -> Iterator[ast.expr]:
    """Yield ``2 * reg * W`` for ``reg * np.sum(W * W)``, which also a loss with loops has."""
    items = list(_chain(node, False, (ast.Mult, ast.Div)))
    for i, (item, over) in enumerate(items):
        terms = _chain(item, False, (ast.Add, ast.Sub))
        squares = [x for term, _ in terms if (x := _summed_squares_of(term)) is not None]
        if over:
            continue
        factors: list[tuple[ast.expr, bool]] = [(ast.Constant(2), False)]
        for j, (other, below) in enumerate(items):
            if j != i:
                half = isinstance(other, ast.Constant) and other.value == (2 if below else 0.5)
                factors = factors[1:] if half else [*factors, (scope._part(other, parts, 0), below)]
        for squared in squares:
            every = [*factors, (scope._part(squared, parts, 0), False)]
            if all(factor is not None for factor, _ in every):
                made = every[0][0]
                for factor, below in every[1:]:
                    made = ast.BinOp(made, ast.Div() if below else ast.Mult(), factor)
                yield made


def _summed_squares_of(node: ast.expr) -> ast.expr | None:
    """Return x for ``np.sum(x * x)``, ``(x**2).sum()``, ``x.dot(x)`` and ``x @ x``."""
    pair: list[ast.expr] = []
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner, name, args = node.func.value, node.func.attr, node.args
        if name in ("sum", "mean"):
            return _squared(args[0] if args else owner)
        pair = args if len(args) == 2 else [owner, *args]
        pair = pair if name in ("dot", "vdot", "inner") else []
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        pair = [node.left, node.right]
    same = len(pair) == 2 and ast.dump(pair[0]) == ast.dump(pair[1])
    return pair[0] if same else None


def _squared(node: ast.expr) -> ast.expr | None:
    """Return what is squared."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return node.left if ast.dump(node.left) == ast.dump(node.right) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return node.left if ast.unparse(node.right) == "2" else None
    if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).endswith("square"):
        return node.args[0]
    return None


def _sums(node: ast.expr, scope: Scope, parts: Parts) -> Iterator[ast.expr]:
    for some in _subsets(node, (ast.Add, ast.Sub), scope, parts):
        made = some[0][0]
        for item, over in some[1:]:
            made = ast.BinOp(made, ast.Sub() if over else ast.Add(), item)
        yield made


def _slopes(
    node: ast.Call, said: ast.expr | None, scope: Scope, parts: Parts
) -> Iterator[ast.expr]:
    """Yield masks and slopes of a function, by its operand or its value."""
    if not isinstance(node.func, ast.Attribute):
        return
    called = node.func.attr
    if called in ("max", "min", "amax", "amin") and said is not None:
        is_method = not isinstance(node.func.value, ast.Name) or node.func.value.id not in _NUMPY
        of = scope._part(node.func.value if is_method else node.args[0], parts, 0)
        if of is not None:
            yield placed(ast.Compare(of, [ast.Eq()], [said]), node)
    if called not in _BY_VALUE and called not in _PIECEWISE:
        return
    given = [scope._part(arg, parts, 0) for arg in node.args]
    if any(g is None for g in given):
        return
    texts = [ast.unparse(g) for g in given]
    value = ast.unparse(said) if isinstance(said, ast.Name) else None
    found: list[str] = []
    if called in ("maximum", "minimum") and len(texts) == 2:
        a, b = texts
        sign = ">" if called == "maximum" else "<"
        if b in ("0", "0.0"):
            found += [f"({v} {sign} 0)" for v in (value, a) if v]
        elif a in ("0", "0.0"):
            found += [f"({v} {sign} 0)" for v in (value, b) if v]
        else:
            found += [f"({a} {sign} {b})", f"({b} {sign} {a})"]
    elif called == "abs":
        found.append(f"np.sign({texts[0]})")
    elif called == "clip" and len(texts) == 3:
        a, low, high = texts
        found.append(f"(({a} > {low}) & ({a} < {high}))")
    elif called in _BY_VALUE and value:
        found += [f.format(v=value) for f in _BY_VALUE[called]]
    for text in found:
        yield placed(ast.parse(text, mode="eval").body, node)


_NUMPY = frozenset(["np", "numpy"])
_PIECEWISE = frozenset(["maximum", "minimum", "clip", "where", "abs"])
#: Slopes of functions by their values.
_BY_VALUE = {
    "tanh": ("(1 - {v} ** 2)",),
    "exp": (),
    "sqrt": ("(1 / (2 * {v}))",),
}
