"""The table of edits: small changes of code, each with what it is called.

Imports `operands` and `source`. It is used in both directions: a mistake is repaired by an edit,
and seeded in right code by one. Most edits are rules, code with holes on both sides; what
no rule can say (axes, indices, an operand more) has a function.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from itertools import combinations, pairwise
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from .operands import Operand, Scope
from .source import Path, changed, expressions, names_in, text_of


class Edit(NamedTuple):
    """A change of the code.

    ``new`` is the node (or the list of statements) for the place ``path``; ``value`` computes what
    a new expression comes to from what the old one did, where that needs no running.
    """

    cost: float
    kind: str
    path: Path
    new: Any
    words: str | Callable[[], str]
    operand: Operand | None = None
    value: Callable[[Any, int], Any] | None = None

    @property
    def said(self) -> str:
        """What is to be said of the edit as a repair; most edits are never spoken of."""
        return self.words if isinstance(self.words, str) else self.words()


class Rule(NamedTuple):
    """An edit as code with holes: ``where`` says of which values it is tried."""

    old: Any
    new: Any
    where: str
    cost: float
    kind: str
    said: str


#: old | new | where | cost | kind | what is said of the repair.
_RULES = """
_0 * _1 | _0 | | 1.05 | factor_extra | the factor {1} does not belong there
_0 * _1 | _1 | | 1.05 | factor_extra | the factor {0} does not belong there
_0 * _1 * _2 | _0 | | 1.2 | factor_extra | the factors {1} and {2} do not belong there
_0 @ _1 | _0 | | 1.05 | factor_extra | the product with {1} does not belong there
_0 @ _1 | _1 | | 1.05 | factor_extra | the product with {0} does not belong there
_0 / _1 | _0 | | 1.05 | divisor_extra | the division by {1} does not belong there
_0 // _1 | _0 | | 1.05 | divisor_extra | the division by {1} does not belong there
_0 / _1 | _1 | | 1.4 | factor_extra | only {1} belongs there
_0 + _1 | _0 | | 1.05 | term_extra | the term {1} does not belong there
_0 + _1 | _1 | | 1.06 | term_extra | the term {0} does not belong there
_0 - _1 | _0 | | 1.05 | term_extra | the term {1} does not belong there
_0 - _1 | -_1 | | 1.1 | term_extra | the term {0} does not belong there
_0 - _1 | _1 | | 1.4 | term_extra | only {1} belongs there
_0 ** _1 | _0 | | 1.05 | function | {0} should not be raised to a power
_0 + _1 | _0 - _1 | | 1.0 | operator | `+` should be `-`
_0 - _1 | _0 + _1 | | 1.0 | operator | `-` should be `+`
_0 * _1 | _0 / _1 | | 1.0 | operator | `*` should be `/`
_0 * _1 | _0 @ _1 | | 1.0 | operator | `*` should be `@`
_0 * _1 | _0 + _1 | | 1.35 | operator | `*` should be `+`
_0 * _1 | _0 - _1 | | 1.35 | operator | `*` should be `-`
_0 - _1 | _0 / _1 | | 1.4 | operator | `-` should be `/`
_0 / _1 | _0 - _1 | | 1.4 | operator | `/` should be `-`
_0 + _1 | _0 * _1 | | 1.35 | operator | `+` should be `*`
_0 - _1 | _0 * _1 | | 1.35 | operator | `-` should be `*`
_0 * _1 | _0 ** _1 | | 1.35 | operator | `*` should be `**`
_0 ** _1 | _0 * _1 | | 1.35 | operator | `**` should be `*`
_0 / _1 | _0 * _1 | | 1.0 | operator | `/` should be `*`
_0 @ _1 | _0 * _1 | | 1.0 | operator | `@` should be `*`
_0 // _1 | _0 / _1 | | 1.0 | operator | `//` should be `/`
_0 - _1 | _1 - _0 | | 1.05 | swapped | {old} is the wrong way round
_0 / _1 | _1 / _0 | | 1.05 | swapped | {old} is the wrong way round
_0 ** _1 | _1 ** _0 | | 1.05 | swapped | {old} is the wrong way round
_0 if _1 else _2 | _2 if _1 else _0 | | 1.1 | swapped | the two branches are swapped
_0 and _1 | _0 or _1 | | 1.0 | condition | `and` should be `or`
_0 or _1 | _0 and _1 | | 1.0 | condition | `or` should be `and`
not _0 | _0 | | 1.0 | condition | {old} should be its opposite
~_0 | _0 | | 1.0 | condition | {old} should be its opposite
_0 | ~_0 | bool | 1.2 | condition | {old} should be its opposite
-_0 | _0 | | 1.0 | sign | the sign of {old} is wrong
_0 | -_0 | number | 1.15 | sign | the sign of {0} is wrong
_0.T | _0 | | 1.0 | transposed | {0} should not be transposed
_0 | _0.T | matrix | 1.18 | transposed | {0} should be transposed
_0 | _0.copy() | array | 1.05 | copy | {0} is changed later, where it is still needed: copy it
_0 | _0 ** 2 | float | 1.3 | function | {0} should be squared
_0 | np.sqrt(_0) | float | 1.35 | function | the square root of {0} is missing
_0 | 1 - _0 | float | 1.45 | function | {0} should be subtracted from 1
_0 | _0 > 0 | float | 1.45 | function | {new} is meant, not {0}
_0 | 1 / _0 | float | 1.5 | function | {0} should be inverted
_0 | _0 ** 3 | float | 1.5 | function | {0} should be cubed
_0 | np.exp(_0) | float | 1.5 | function | the exponential of {0} is missing
_0 | np.log(_0) | float | 1.5 | function | the logarithm of {0} is missing
_0 | np.tanh(_0) | float | 1.5 | function | the tanh of {0} is missing
_0 | np.abs(_0) | float | 1.5 | function | the absolute value of {0} is missing
_0 | np.sign(_0) | float | 1.5 | function | only the sign of {0} counts
_0 | np.maximum(_0, 0) | float | 1.5 | function | {0} should be at least 0
_0 | 1 / (1 + np.exp(-_0)) | float | 1.5 | function | the sigmoid of {0} is missing
_0 > _1 | _0 | | 1.25 | condition | {0} is meant, not a comparison of it
_0 < _1 | _0 | | 1.25 | condition | {0} is meant, not a comparison of it
_0 >= _1 | _0 | | 1.25 | condition | {0} is meant, not a comparison of it
_0 != _1 | _0 | | 1.25 | condition | {0} is meant, not where it differs
_0.shape[_1] | _0.size | | 1.05 | constant | {old} should be {new}
len(_0) | _0.size | | 1.05 | constant | {old} should be {new}
_0.size | len(_0) | | 1.05 | constant | {old} should be {new}
_0 | _0[::-1] | vector | 1.3 | index | {0} should be in reverse order
_0 | _0[::-1, ::-1] | matrix | 1.45 | index | {0} should be turned round
_0 | _0[:, None] | vector | 1.15 | shape | {0} should be a column
_0 | _0.reshape(1, -1) | vector | 1.2 | shape | {0} should be a row
_0 | _0.reshape(-1, 1) | vector | 1.25 | shape | {0} should be a column
_0 | _0.ravel() | matrix | 1.35 | shape | {0} should have one axis
_0 | _0[:, 0] | matrix | 1.4 | shape | {0} should have one axis
_0 | _0[0] | matrix | 1.4 | shape | {0} should have one axis
_0 | np.diag(_0) | matrix | 1.45 | shape | only the diagonal of {0} counts
_0 | np.sum(_0) | array | 1.35 | not_summed | the sum of {0} is missing
_0 | np.mean(_0) | array | 1.45 | reduction | the mean of {0} is missing
np.dot(_0, _1) | _0 * _1 | | 1.1 | operator | `dot` should be `*`
_0.dot(_1) | _0 * _1 | | 1.1 | operator | `dot` should be `*`
np.multiply(_0, _1) | _0 @ _1 | | 1.1 | operator | `multiply` should be `@`
reversed(_0) | _0 | | 1.2 | loop | the loop should run forwards over {0}
"""
#: The same for statements; a hole is what is assigned to, an index, or a value.
_LINES = """
_0 += _1 | _0 = _1 | | 1.05 | accumulated | `=` is meant: what was there before does not count
_0 += _1 | _0 -= _1 | | 1.0 | operator | `+=` should be `-=`
_0 -= _1 | _0 += _1 | | 1.0 | operator | `-=` should be `+=`
_0 /= _1 | _0 *= _1 | | 1.0 | operator | `/=` should be `*=`
_0 *= _1 | _0 /= _1 | | 1.0 | operator | `*=` should be `/=`
_0 += _1 | _0 *= _1 | | 1.1 | operator | `+=` should be `*=`
_0 -= _1 | _0 = _1 | | 1.1 | accumulated | `=` is meant: what was there before does not count
_0 *= _1 | _0 = _1 | | 1.1 | accumulated | `=` is meant: what was there before does not count
_0 = _1 | _0 += _1 | | 1.05 | overwritten | `=` overwrites what was there before: `+=` adds to it
_0 = _1 | _0 -= _1 | | 1.15 | overwritten | `=` overwrites what was there before: `-=` is meant
_0[_1] = _2 | _0[_1] *= _2 | | 1.1 | overwritten | `=` overwrites what was there before: `*=` is meant
_0[_1] += _2 | np.add.at(_0, _1, _2) | | 1.0 | repeated_index | a repeated index counts once: `np.add.at` adds each
_0[_1] -= _2 | np.subtract.at(_0, _1, _2) | | 1.0 | repeated_index | a repeated index counts once: `np.subtract.at` takes each
_0[_1] = _2 | np.add.at(_0, _1, _2) | | 1.15 | repeated_index | a repeated index counts once: `np.add.at` adds each
_0[_1] = -1 | _0[_1] = -np.sum(_0, axis=1) | | 1.2 | labels | minus the sum of the others is meant, not -1
_0[_1] = 0 | _0[_1] = -np.sum(_0, axis=1) | | 1.3 | labels | minus the sum of the others is meant, not 0
_0[_1] -= 1 | _0[_1] -= np.sum(_0, axis=1) | | 1.25 | labels | the sum of the others is to be subtracted, not 1
np.add.at(_0, _1, _2) | _0[_1] += _2 | | 1.3 | accumulated | `np.add.at` should be `+=`
"""  # noqa: E501 - a row of the table is one line, so that the columns can be read
_COMPARISONS = ("_0 > _1", "_0 <= _1", "_0 < _1", "_0 >= _1", "_0 == _1", "_0 != _1")
#: Functions that are taken for one another.
_FAMILIES = (
    ("sum", "mean"), ("sum", "max"), ("var", "std"), ("mean", "max"), ("cumsum", "sum"),
    ("exp", "log"), ("log", "log10"), ("log", "log2"), ("log", "log1p"), ("exp", "expm1"),
    ("sin", "cos"), ("sinh", "cosh"), ("tanh", "sinh"), ("maximum", "minimum"), ("max", "min"),
    ("argmax", "argmin"), ("sqrt", "square"), ("zeros_like", "ones_like"), ("zeros", "ones"),
    ("abs", "sign"), ("dot", "multiply"), ("dot", "outer"), ("triu", "tril"), ("floor", "ceil"),
)  # fmt: skip
_REDUCTIONS = frozenset(["sum", "mean", "max", "min", "var", "std", "prod", "argmax", "argmin",
                         "norm", "cumsum"])  # fmt: skip
_NAMESPACES = frozenset(["np", "numpy", "math"])
_HOLE = re.compile(r"_\d")


# --- rules ---


def _parsed(text: str, line: bool) -> Any:
    return ast.parse(text).body[0] if line else ast.parse(text, mode="eval").body


def _table(text: str, line: bool) -> Iterator[Rule]:
    for row in text.strip().splitlines():
        old, new, where, cost, kind, said = re.split(r"\s*\|\s*", row)
        yield Rule(_parsed(old, line), _parsed(new, line), where, float(cost), kind, said)


def _generated() -> Iterator[Rule]:
    """Yield the rules of comparisons, of products of matrices, and of brackets."""
    for one in _COMPARISONS:
        for other in _COMPARISONS:
            if one != other:
                near = ("==" in one or "!=" in one) == ("==" in other or "!=" in other)
                yield Rule(_parsed(one, False), _parsed(other, False), "", 1.0 if near else 1.35,
                           "condition", "{old} should be {new}")  # fmt: skip
    for form in ("{} @ {}", "np.dot({}, {})", "{}.dot({})", "np.matmul({}, {})"):
        pairs = [(a, b) for a in ("_0", "_0.T") for b in ("_1", "_1.T")]
        pairs += [(b, a) for a, b in pairs]
        for n, now in enumerate(pairs[:4]):
            for m, then in enumerate(pairs):
                if now != then:
                    turned = sum(x not in then for x in now)
                    cost = 1.02 + 0.05 * (m >= 4) + 0.05 * (turned == 2) + 0.03 * (n > 0)
                    old, new = (_parsed(form.format(*pair), False) for pair in (now, then))
                    yield Rule(old, new, "", cost, "transposed", "the product should be {new}")
    said = "brackets are missing or misplaced: {new}"
    for a in "+-*/@":
        for b in "+-*/@":
            left, right = f"(_0 {a} _1) {b} _2", f"_0 {a} (_1 {b} _2)"
            for one, other in ((left, right), (right, left)):
                yield Rule(_parsed(one, False), _parsed(other, False), "", 1.1, "brackets", said)
            if a in "+-":
                yield Rule(_parsed(f"-_0 {a} _1", False), _parsed(f"-(_0 {a} _1)", False), "", 1.1,
                           "brackets", said)  # fmt: skip
            if a in "*/@" and b in "+-":
                moved = _parsed(f"(_0 {b} _2) {a} _1", False)
                yield Rule(_parsed(left, False), moved, "", 1.15, "brackets", said)


@lru_cache(1)
def _rules() -> dict[str, list[Rule]]:
    """Return the rules by the type of node that they are for; "Name" for any."""
    found: dict[str, list[Rule]] = {}
    for rule in (*_table(_RULES, False), *_generated(), *_table(_LINES, True)):
        found.setdefault(type(rule.old).__name__, []).append(rule)
    return found


def _matched(old: Any, node: Any, holes: dict[str, Any]) -> bool:
    """Whether a node fits code with holes; they are filled."""
    if isinstance(old, ast.Name) and _HOLE.fullmatch(old.id):
        holes[old.id] = node
        return True
    if type(old) is not type(node):
        return isinstance(old, list) and old == node
    if isinstance(old, list):
        return len(old) == len(node) and all(
            _matched(a, b, holes) for a, b in zip(old, node, strict=True)
        )
    if isinstance(old, ast.AST):
        return all(_matched(getattr(old, f), getattr(node, f), holes) for f in old._fields
                   if f not in ("ctx", "type_comment", "kind"))  # fmt: skip
    return bool(old == node)


def _filled(new: Any, holes: dict[str, Any]) -> Any:
    """Return code with its holes filled."""
    if isinstance(new, ast.Name) and new.id in holes:
        node = holes[new.id]
        if type(getattr(node, "ctx", None)) is not type(new.ctx) and hasattr(node, "ctx"):
            node = copy.copy(node)
            node.ctx = new.ctx
        return node
    if isinstance(new, list):
        return [_filled(item, holes) for item in new]
    if not isinstance(new, ast.AST) or isinstance(new, ast.expr_context):
        return new
    made: Any = copy.copy(new)
    for field in new._fields:
        setattr(made, field, _filled(getattr(new, field, None), holes))
    if _is_transposed(made) and _is_transposed(made.value):
        return made.value.value
    if isinstance(made, ast.UnaryOp) and isinstance(made.op, ast.USub):
        return _negated(made.operand)
    return made


def _is_transposed(node: Any) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "T"


_CHAIN = (ast.Mult, ast.Div, ast.MatMult)
_COMPOUND = (ast.For, ast.While, ast.If)


def _negated(node: Any) -> ast.expr:
    """Return the negative of an expression, the sign where a person writes it: in front."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, _CHAIN):
        return ast.BinOp(_negated(node.left), node.op, node.right)
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return _signed(-node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return node.operand
    return ast.UnaryOp(ast.USub(), node)


def _times(node: ast.expr, factor: ast.expr, is_number: bool) -> ast.expr:
    """Return a product as a person writes it: numbers in front, divisors at the end."""
    if isinstance(node, ast.BinOp) and (
        isinstance(node.op, _CHAIN) if is_number else isinstance(node.op, ast.Div)
    ):
        if isinstance(node.left, ast.Constant) and node.left.value == 1:
            return ast.BinOp(factor, node.op, node.right)
        return ast.BinOp(_times(node.left, factor, is_number), node.op, node.right)
    if not is_number:
        return ast.BinOp(node, ast.Mult(), factor)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return ast.UnaryOp(ast.USub(), _times(node.operand, factor, is_number))
    return ast.BinOp(factor, ast.Mult(), node)


def _code(node: ast.AST) -> str:
    return f"`{text_of(node)}`"


def _by_rules(path: Path, node: Any, value: Any) -> Iterator[Edit]:
    number = isinstance(value, (np.ndarray, np.generic, float, int))
    kind = np.asarray(value).dtype.kind if number else ""
    axes = np.ndim(value) if number else 0
    fits = {
        "": True, "bool": kind == "b", "float": kind == "f",
        "number": kind in tuple("if") and not isinstance(node, ast.UnaryOp),
        "array": isinstance(value, np.ndarray) and axes > 0, "vector": axes == 1,
        "matrix": axes == 2 and not (isinstance(node, ast.Attribute) and node.attr == "T"),
    }  # fmt: skip
    kinds = (type(node).__name__, "Name") if isinstance(node, ast.expr) else (type(node).__name__,)
    for name in dict.fromkeys(kinds):
        for rule in _rules().get(name, ()):
            holes: dict[str, Any] = {}
            if fits[rule.where] and _matched(rule.old, node, holes) and not _cancels(rule, holes):
                new = _filled(rule.new, holes)
                yield Edit(rule.cost, rule.kind, path, new if isinstance(new, ast.expr) else [new],
                           partial(_worded, rule.said, node, new, holes))  # fmt: skip


def _cancels(rule: Rule, holes: dict[str, Any]) -> bool:
    """Whether an operand would be divided by itself or by 1, or taken from itself."""
    op = getattr(rule.new, "op", None) if rule.kind == "operator" else None
    if op is None or len(holes) != 2:
        return False
    one, other = (text_of(holes[name]) for name in ("_0", "_1"))
    neutral = "0" if isinstance(op, (ast.Add, ast.Sub)) else "1"
    return (isinstance(op, (ast.Div, ast.Sub)) and one == other) or neutral in (one, other)


def _worded(said: str, node: Any, new: Any, holes: dict[str, Any]) -> str:
    said = re.sub(r"\{(\d)\}", lambda m: _code(holes[f"_{m[1]}"]), said)
    return said.replace("{old}", _code(node)).replace("{new}", _code(new))


# --- expressions ---


def simple(path: Path, node: ast.expr, value: Any, helpers: tuple[str, ...] = (),
           indices: tuple[ast.expr, ...] = ()) -> Iterator[Edit]:  # fmt: skip
    """Yield the edits of an expression that need nothing but the expression."""
    if isinstance(value, (list, tuple)):
        value = None
    if isinstance(node, ast.Constant):
        yield from _constants(path, node)
        return
    yield from _by_rules(path, node, value)
    if isinstance(node, ast.Call):
        yield from _calls(path, node)
    yield from _into_calls(path, node)
    if isinstance(node, ast.Subscript):
        yield from _subscripts(path, node, indices)
    if path[-1][0] == "iter":
        yield from _loops(path, node)
    if isinstance(node, (ast.Tuple, ast.List)):
        for i, j in combinations(range(min(len(node.elts), 8)), 2):
            items = list(node.elts)
            items[i], items[j] = items[j], items[i]
            said = f"{_code(node.elts[i])} and {_code(node.elts[j])} are swapped"
            yield Edit(1.2, "swapped", path, type(node)(items, ast.Load()), said)
    if isinstance(node, ast.Dict):
        for i, j in combinations(range(min(len(node.values), 8)), 2):
            items = list(node.values)
            items[i], items[j] = items[j], items[i]
            said = f"{_code(node.values[i])} and {_code(node.values[j])} are swapped"
            yield Edit(1.2, "swapped", path, ast.Dict(node.keys, items), said)
        return
    if np.asarray(0 if value is None else value).dtype.kind == "f":
        yield from _helpers(path, node, helpers)
    for axis in range(np.ndim(value) if value is not None else 0):
        for name, cost, kind in (("sum", 1.3, "not_summed"), ("mean", 1.45, "reduction")):
            said = f"the {name} of {_code(node)} over axis {axis} is missing"
            for more, extra in (("", 0.0), (", keepdims=True", 0.02)):
                form = _parsed(f"np.{name}(_0, axis={axis}{more})", False)
                yield Edit(cost + extra, kind, path, _filled(form, {"_0": node}), said)


def _constants(path: Path, node: ast.Constant) -> Iterator[Edit]:
    c: Any = node.value
    if type(c) is bool:
        yield Edit(1.0, "constant", path, ast.Constant(not c), f"`{c}` should be `{not c}`")
    if type(c) not in (int, float):
        return
    tried = [2 * c, c / 2, -c, c + 1, c - 1, 1, 2, 0, 0.5, 3, 4, 0.25, c * c, 10 * c, c / 10]
    tried += [1 / c] if c else []
    seen = {c}
    for i, other in enumerate(tried):
        new = int(other) if type(c) is int and other == int(other) else other
        if new in seen or abs(new) > 1e6:
            continue
        seen.add(new)
        made = _signed(new)
        cost = (1.2 if new in (0, 1) and c not in (0, 1) else 1.0) + 0.02 * i
        if path[-1][0] == "comparators" and type(c) is int and type(new) is float:
            cost += 0.2  # whole numbers are compared with whole ones
        yield Edit(cost, "constant", path, made, f"{_code(node)} should be {_code(made)}")


def _signed(value: Any) -> ast.expr:
    return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))


def function_name(node: ast.AST) -> str:
    """Return what a call calls, without the module; empty if it is none."""
    if not isinstance(node, ast.Call):
        return ""
    return str(getattr(node.func, "attr", getattr(node.func, "id", "")))


def _calls(path: Path, node: ast.Call) -> Iterator[Edit]:
    """Yield another function of the family, the operand without it, other arguments."""
    name, func, args = function_name(node), node.func, node.args
    owner = func.value if isinstance(func, ast.Attribute) else None
    method = owner is not None and not (isinstance(owner, ast.Name) and owner.id in _NAMESPACES)
    for family in _FAMILIES:
        for other in family if name in family else ():
            if owner is not None and other != name and (not method or hasattr(np.ndarray, other)):
                new = ast.Call(ast.Attribute(owner, other, ast.Load()), args, node.keywords)
                kind = "reduction" if name in _REDUCTIONS else "function"
                cost = 1.0 if {name, other} == {"sum", "mean"} else 1.15
                yield Edit(cost, kind, path, new, f"`{name}` should be `{other}`")
    of = owner if method else args[0] if args else None
    if of is not None and name not in ("range", "len", "reshape"):
        yield Edit(1.2, "call_extra", path, of, f"`{name}` does not belong there")
    for i in range(len(args) - 1) if name not in ("dot", "matmul") else ():
        items = [*args[:i], args[i + 1], args[i], *args[i + 2 :]]
        said = f"{_code(args[i])} and {_code(args[i + 1])} are swapped"
        yield Edit(1.1, "swapped", path, ast.Call(func, items, node.keywords), said)
    if name in _REDUCTIONS:
        yield from _axes(path, node, 0 if method else 1)


def _into_calls(path: Path, node: ast.expr) -> Iterator[Edit]:
    """Yield a function of a whole sum or product in the place of one of a part, and back."""
    if isinstance(node, ast.BinOp):
        for side in ("left", "right"):
            call = getattr(node, side)
            if isinstance(call, ast.Call) and len(call.args) == 1:
                inner, made = copy.copy(node), copy.copy(call)
                setattr(inner, side, call.args[0])
                made.args = [inner]
                yield Edit(
                    1.15, "brackets", path, made, f"the bracket of {_code(made)} is misplaced"
                )
    elif isinstance(node, ast.Call) and len(node.args) == 1 and isinstance(node.args[0], ast.BinOp):
        for side in ("left", "right"):
            made, whole = copy.copy(node), copy.copy(node.args[0])
            made.args = [getattr(node.args[0], side)]
            setattr(whole, side, made)
            yield Edit(1.15, "brackets", path, whole, f"the bracket of {_code(made)} is misplaced")


def _axes(path: Path, node: ast.Call, place: int) -> Iterator[Edit]:
    """Yield another axis, or another keepdims, of a reduction."""
    args, given = node.args, {k.arg: k for k in node.keywords}
    now = given["axis"].value if "axis" in given else args[place] if len(args) > place else None
    rest = [k for k in node.keywords if k.arg != "axis"]
    positional = [*args[:place], *args[place + 1 :]]
    keep = ast.keyword("keepdims", ast.Constant(True))
    for axis in (0, 1, 2, -1, -2):
        if now is not None and text_of(now) == str(axis):
            continue
        keywords = [ast.keyword("axis", _signed(axis)), *rest]
        said = f"`axis={axis}` is missing" if now is None else f"the axis should be {axis}"
        yield Edit(1.0, "axis", path, ast.Call(node.func, positional, keywords), said)
        if "keepdims" not in given:
            yield Edit(1.12, "axis", path, ast.Call(node.func, positional, [*keywords, keep]), said)
    if now is not None:
        said = f"the axis does not belong in {_code(node)}"
        yield Edit(1.0, "axis", path, ast.Call(node.func, positional, rest), said)
    if "keepdims" in given:
        if now is not None:
            whole = [k for k in rest if k.arg != "keepdims"]
            said = f"the axis does not belong in {_code(node)}"
            yield Edit(0.98, "axis", path, ast.Call(node.func, positional, whole), said)
        kept = [k for k in node.keywords if k.arg != "keepdims"]
        yield Edit(1.0, "shape", path, ast.Call(node.func, args, kept),
                   "`keepdims=True` does not belong there")  # fmt: skip
    else:
        yield Edit(1.0, "shape", path, ast.Call(node.func, args, [*node.keywords, keep]),
                   "`keepdims=True` is missing")  # fmt: skip


def _subscripts(path: Path, node: ast.Subscript, others: tuple[ast.expr, ...]) -> Iterator[Edit]:
    if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return
    text = _code(node)
    yield Edit(1.25, "index", path, node.value, f"the index of {text} does not belong there")
    for cost, some in (
        (1.15, index_variants(node.slice)),
        (1.25, index_others(node.slice, others)),
    ):
        for index in some:
            made = ast.Subscript(node.value, index, ast.Load())
            if _code(made) != text:
                said = f"the index is wrong: {text} should be {_code(made)}"
                yield Edit(cost, "index", path, made, said)


def _loops(path: Path, node: ast.expr) -> Iterator[Edit]:
    turned = _filled(_parsed("reversed(_0)", False), {"_0": node})
    yield Edit(1.2, "loop", path, turned, f"the loop should run backwards over {_code(node)}")
    if function_name(node) == "range" and isinstance(node, ast.Call) and len(node.args) == 2:
        whole = ast.Call(node.func, node.args[1:], [])
        yield Edit(1.02, "index", path, whole, "the loop leaves out the first ones")


def _helpers(path: Path, node: ast.expr, helpers: tuple[str, ...]) -> Iterator[Edit]:
    """Yield a helper of the learner's around an expression, or in the place of another."""
    for name in helpers:
        if function_name(node) != name:
            made = ast.Call(ast.Name(name, ast.Load()), [node], [])
            yield Edit(1.3, "function", path, made, f"`{name}` of {_code(node)} is meant")
        called = function_name(node)
        if isinstance(node, ast.Call) and called in helpers and called != name:
            made = ast.Call(ast.Name(name, ast.Load()), node.args, node.keywords)
            yield Edit(1.2, "function", path, made, f"`{called}` should be `{name}`")


def index_others(index: ast.expr, others: Iterable[ast.expr]) -> Iterator[ast.expr]:
    """Yield other indices in the place of one, or of a part of it."""
    for other in others:
        yield other
        if isinstance(index, ast.Tuple) and not isinstance(other, (ast.Tuple, ast.Slice)):
            for i, part in enumerate(index.elts):
                if not isinstance(part, ast.Slice):
                    yield ast.Tuple([*index.elts[:i], other, *index.elts[i + 1 :]], ast.Load())


def index_variants(index: ast.expr) -> Iterator[ast.expr]:
    """Yield the indices next to an index: shifted by one, swapped, bounded otherwise."""
    one = ast.Constant(1)
    if isinstance(index, ast.Tuple):
        for i, part in enumerate(index.elts):
            for new in index_variants(part):
                yield ast.Tuple([*index.elts[:i], new, *index.elts[i + 1 :]], ast.Load())
        if len(index.elts) == 2:
            yield ast.Tuple(index.elts[::-1], ast.Load())
    elif isinstance(index, ast.Slice):
        lower, upper, step = index.lower, index.upper, index.step
        if lower is None and upper is None:
            yield from (ast.Slice(one, None, None), ast.Slice(None, _signed(-1), None),
                        ast.Slice(None, None, _signed(-1)))  # fmt: skip
            return
        yield ast.Slice(None, None, step)
        yield ast.Slice(upper, lower, step)
        for op in (ast.Add(), ast.Sub()):
            if lower is not None:
                yield ast.Slice(_folded(lower, op), upper, step)
            if upper is not None:
                yield ast.Slice(lower, _folded(upper, op), step)
        yield from (ast.Slice(None, upper, step), ast.Slice(lower, None, step))
    elif not isinstance(index, ast.Constant) or type(index.value) is int:
        yield from (_folded(index, ast.Add()), _folded(index, ast.Sub()))


def _folded(node: ast.expr, op: ast.operator) -> ast.expr:
    """Return an index one further or back: ``t - 1`` for t, t for ``t - 1``, 2 for 1."""
    sign = 1 if isinstance(op, ast.Add) else -1
    if isinstance(node, ast.BinOp) and text_of(node.right) == "1":
        before = {ast.Add: 1, ast.Sub: -1}.get(type(node.op), 0)
        if before + sign == 0:
            return node.left
    try:
        value = ast.literal_eval(node)
    except ValueError:
        value = None
    return _signed(value + sign) if type(value) is int else ast.BinOp(node, op, ast.Constant(1))


# --- with operands ---

#: No edit with an operand costs less, besides the operand.
_LEAST = 0.9
_ARITHMETIC: tuple[tuple[float, str, Any, Any, str], ...] = (
    (1.2, "divisor_missing", ast.Div, np.divide, "the division by {o} is missing"),
    (1.2, "factor_missing", ast.Mult, np.multiply, "the factor {o} is missing"),
    (1.25, "term_missing", ast.Add, np.add, "the term {o} is missing"),
    (1.25, "term_missing", ast.Sub, np.subtract, "the term {o} is missing, with a minus"),
)


def with_operands(path: Path, node: ast.expr, values: tuple[Any, ...], choices: list[Operand],
                  whole: bool, costs: tuple[float, float]) -> Iterator[Edit]:  # fmt: skip
    """Yield an expression with a factor, a divisor, a term more, or something else in its place.

    The choices come by their costs; edits are made for a range of costs only.
    """
    least, most = costs
    if not all(isinstance(v, (np.ndarray, np.generic, float, int)) for v in values):
        return
    kind, text, shape = np.asarray(values[0]).dtype.kind, _code(node), np.shape(values[0])
    first, rest = _first_of_three(node)
    turned = _is_transposed(node) or (
        isinstance(node, ast.UnaryOp) and _is_transposed(node.operand)
    )
    less = -0.1 if whole and isinstance(node, ast.Name) else 0.0 if whole else 0.12
    for o in choices:
        if o.cost + _LEAST >= most:
            break
        mask = o.kind == "b"
        neutral = {0: (ast.Add, ast.Sub, ast.Mult, ast.Div), 1: (ast.Mult, ast.Div)}.get(
            o.values[0], ()) if o.origin == "number" else ()  # fmt: skip
        plain = kind in "fib" and not isinstance(node, ast.Constant)
        wider = _widens(shape, o.shape) and not whole
        if plain and (wider or _fits(shape, o.shape)):
            for cost, name, op, apply, said in _ARITHMETIC:
                if op in neutral or ((mask or wider) and op is not ast.Mult):
                    continue
                number = op in (ast.Add, ast.Sub) and not o.shape and bool(shape)
                more = less + o.cost + 0.15 * number + 0.15 * wider
                more += 0.1 * (op is ast.Div and (o.size > 8 or bool(o.shape)))
                more += 0.1 * (bool(o.shape) and op in (ast.Mult, ast.Div) and turned)
                if not least <= cost + more < most:
                    continue
                new = _times(node, o.node, not o.shape) if op is ast.Mult \
                    else ast.BinOp(node, op(), o.node)  # fmt: skip
                yield Edit(cost + more, "mask_missing" if mask else name, path,
                           new, partial(said.format, o=o.text), o,
                           partial(_applied, apply, o))  # fmt: skip
        alike = o.shape == shape and o.kind == kind == "f"
        if first is not None and alike and o.cost < 0.7 and least <= 1.4 + o.cost < most:
            yield Edit(1.4 + o.cost, "replaced", path, ast.BinOp(first, ast.Mult(), o.node),
                       f"{rest} should be {o.text}", o)  # fmt: skip
        instead = _cost_of_replacing(node, shape, kind, o)
        if instead is not None and least <= instead < most:
            both = _is_name(node) and _is_name(o.node)
            yield Edit(instead, "name" if both else "replaced", path, o.node,
                       f"{text} should be {o.text}", o, partial(_applied, None, o))  # fmt: skip


def _first_of_three(node: ast.expr) -> tuple[ast.expr | None, str]:
    """Return a factor of ``a * b * c``, and the others as code."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
        return None, ""
    inner = node.left
    if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Mult):
        return inner.left, _code(ast.BinOp(inner.right, ast.Mult(), node.right))
    return None, ""


def _applied(apply: Any, o: Operand, value: Any, k: int) -> Any:
    return o.values[k] if apply is None else apply(value, o.values[k])


@lru_cache(1000)
def _fits(shape: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether an operand leaves the shape of a value as it is; a number may get any."""
    try:
        return np.broadcast_shapes(shape, other) == shape or not shape
    except ValueError:
        return False


def _is_name(node: ast.expr) -> bool:
    """Whether it is a variable, an attribute of an object, or an entry of a dict."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
    if isinstance(node, ast.Attribute):
        return node.attr not in ("T", "shape", "size") and isinstance(node.value, ast.Name)
    return isinstance(node, ast.Name)


@lru_cache(1000)
def _widens(shape: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether an operand has the axes of a value, and is longer along one of length 1."""
    return len(shape) == len(other) and shape != other and all(
        n in (1, m) for n, m in zip(shape, other, strict=True))  # fmt: skip


def _cost_of_replacing(node: ast.expr, shape: Any, kind: str, o: Operand) -> float | None:
    same_shape = shape == o.shape
    if kind != o.kind and not {kind, o.kind} <= {"f", "i"}:
        return None
    if _is_name(node) and _is_name(o.node):
        return 1.0 + o.cost + 0.15 * (len(shape) != len(o.shape))
    if isinstance(node, ast.Constant):
        if not same_shape and len(o.shape) != 2:
            return None
        return (1.3 if same_shape else 1.5) + o.cost
    if not same_shape:
        return None
    if _is_name(o.node) and sum(1 for _ in ast.walk(node)) < 8:
        return 1.2 + o.cost
    return 1.45 + o.cost + 0.3 * (sum(1 for _ in ast.walk(node)) > 12)


# --- statements ---


def of_statement(path: Path, statement: ast.stmt, indices: list[ast.expr],
                 twice: bool) -> Iterator[Edit]:  # fmt: skip
    """Yield the edits of a statement: left out, assigned otherwise, at another index."""
    updates = isinstance(statement, ast.AugAssign) or (
        isinstance(statement, ast.Assign) and root_of(target_of(statement)) in names_in(
            statement.value))  # fmt: skip
    cost = 1.0 if twice else 1.25 if updates else 1.5
    yield Edit(cost, "line_extra", path, [ast.Pass()],
               f"the line `{text_of(statement)}` does not belong there")  # fmt: skip
    yield from map(_without_bare_slices, _by_rules(path, statement, None))
    target = target_of(statement)
    if target is None:
        return
    is_entry = isinstance(target, ast.Subscript)
    base, index = (target.value, target.slice) if is_entry else (target, None)
    near = index_variants(index) if index is not None else iter(())
    far = index_others(index, indices) if index is not None else iter(indices)
    for cost, some in ((1.15, near), (1.25, far)):
        for other in some:
            if index is None or text_of(other) != text_of(index):
                place = ast.Subscript(_loaded(base), other, ast.Store())
                yield Edit(cost, "index", path, [_with_target(statement, place)],
                           f"the index is wrong: {_code(_loaded(place))} is meant")  # fmt: skip


def reshaped(path: Path, node: ast.expr, values: tuple[Any, ...], scope: Scope) -> Iterator[Edit]:
    """Yield an array in the shape of a variable that has as many entries, in another order."""
    if any(not isinstance(v, np.ndarray) or v.ndim == 0 or v.size < 2 for v in values):
        return
    for name, held in scope.names.items():
        if all(np.size(h) == v.size and np.shape(h) != v.shape
               for h, v in zip(held, values, strict=True)):  # fmt: skip
            new = _parsed(f"_0.reshape({name}.shape)", False)
            said = f"it has to be brought to the shape of `{name}`"
            yield Edit(1.15, "reshape_missing", path, _filled(new, {"_0": node}), said)


def lists(path: Path, node: ast.expr, value: Any, variables: dict[str, Any]) -> Iterator[Edit]:
    """Yield another list of the same length in the place of one: of activations, of scores."""
    if isinstance(node, ast.Name) and isinstance(value, (list, tuple, dict)):
        for name, held in variables.items():
            near = abs(len(held) - len(value)) < 2 if type(held) is type(value) else False
            if near and name != node.id:
                yield Edit(1.1, "name", path, ast.Name(name, ast.Load()),
                           f"`{node.id}` should be `{name}`")  # fmt: skip


def everywhere(path: Path, statement: ast.stmt, indices: list[ast.expr]) -> Iterator[Edit]:
    """Yield a statement with another index at every place where it has the same one."""
    found: dict[str, list[ast.Subscript]] = {}
    for node in ast.walk(statement) if not isinstance(statement, _COMPOUND) else ():
        if isinstance(node, ast.Subscript):
            found.setdefault(text_of(node.slice), []).append(node)
    for text, nodes in found.items():
        if len(nodes) < 2:
            continue
        index = nodes[0].slice
        rest = [ast.Slice(_folded(index, ast.Add()), None, None)] if not isinstance(
            index, (ast.Slice, ast.Tuple)) else []  # fmt: skip
        for other in (*index_variants(index), *rest, *index_others(index, indices)):
            if text_of(other) != text:
                new = copy.deepcopy(statement)
                for node in ast.walk(new):
                    if isinstance(node, ast.Subscript) and text_of(node.slice) == text:
                        node.slice = other
                said = f"the index is wrong: `{text}` should be {_code(other)}, wherever it is"
                yield Edit(1.3, "index", path, [new], said)


def exchanged(path: Path, statement: ast.stmt, scope: Scope) -> Iterator[Edit]:
    """Yield a statement in which two variables of a kind have changed places."""
    if isinstance(statement, _COMPOUND):
        return
    used = {n.id: None for n in ast.walk(statement)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}  # fmt: skip
    held = {n: scope.names[n] for n in used if n in scope.names}
    for one, other in combinations(held, 2):
        shapes = [[np.shape(v) for v in held[n]] for n in (one, other)]
        kinds = {np.asarray(held[n][0]).dtype.kind for n in (one, other)}
        if shapes[0] != shapes[1] or len(kinds) > 1:
            continue
        new = copy.deepcopy(statement)
        change = {one: other, other: one}
        for node in ast.walk(new):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                node.id = change.get(node.id, node.id)
        yield Edit(1.25, "swapped", path, [new], f"`{one}` and `{other}` are swapped")


def indexed(
    path: Path, statement: ast.stmt, indices: list[ast.expr], scope: Scope
) -> Iterator[Edit]:
    """Yield an update of a part of an array alone, of all arrays of its shape in the line."""
    target: Any = target_of(statement)
    held = scope.names.get(target.id) if isinstance(target, ast.Name) else None
    value = getattr(statement, "value", None)
    if held is None or value is None or not np.ndim(held[0]):
        return
    if isinstance(statement, ast.Assign) and target.id not in names_in(value):
        return
    alike = {n for n, v in scope.names.items() if np.shape(v[0]) == np.shape(held[0])}
    near = [ast.Slice(ast.Constant(1), None, None), ast.Slice(None, _signed(-1), None)]
    for index in (*near, *indices):

        class Put(ast.NodeTransformer):
            def visit_Name(self, node: ast.Name, index: ast.expr = index) -> Any:
                name = ast.Name(node.id, ast.Load())
                return ast.Subscript(name, index, node.ctx) if node.id in alike else node

        new = Put().visit(copy.deepcopy(statement))
        said = f"only a part is meant: {_code(_loaded(target_of(new)))}"
        yield Edit(1.35, "index", path, [new], said)


def _without_bare_slices(edit: Edit) -> Edit:
    """Return an edit with ``np.s_[:, y]`` for ``:, y`` where it is no index any more."""
    if edit.kind == "repeated_index":
        index = edit.new[0].value.args[1]
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        if any(isinstance(part, ast.Slice) for part in parts):
            place = ast.Attribute(ast.Name("np", ast.Load()), "s_", ast.Load())
            edit.new[0].value.args[1] = ast.Subscript(place, index, ast.Load())
    return edit


def target_of(statement: Any) -> Any:
    """Return what a statement assigns to, if it is one thing; else None."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        return statement.targets[0]
    return statement.target if isinstance(statement, ast.AugAssign) else None


def root_of(target: Any) -> str | None:
    """Return the variable of what is assigned to, such as the array of an entry."""
    while isinstance(target, ast.Subscript):
        target = target.value
    return target.id if isinstance(target, ast.Name) else None


def _with_target(statement: Any, target: Any) -> Any:
    made = copy.copy(statement)
    if isinstance(made, ast.Assign):
        made.targets = [target]
    else:
        made.target = target
    return made


def _loaded(node: Any) -> Any:
    made = copy.copy(node)
    made.ctx = ast.Load()
    return made


def roots_of(statement: ast.stmt) -> list[str]:
    """Return the variables that a statement changes, the lines of a loop included."""
    inner = ast.walk(statement) if isinstance(statement, (ast.For, ast.While)) else [statement]
    found = (root_of(target_of(node)) for node in inner)
    return [*dict.fromkeys(name for name in found if name is not None)]


def insertions(path: Path, statement: ast.stmt, name: str, scope: Scope, choices: list[Operand],
               labels: list[ast.expr]) -> Iterator[Edit]:  # fmt: skip
    """Yield lines that may be missing after one: a division, a term, a mask, the label."""
    held = scope.names.get(name)
    if held is None:
        return
    # within the line, if one line makes the array
    direct = isinstance(statement, ast.Assign) and isinstance(target_of(statement), ast.Name)
    extra = 0.22 if direct else 0.05

    def line(text: str, cost: float, kind: str, said: str, o: Any = None, **holes: Any) -> Edit:
        new = _filled(_parsed(text, True), {"_0": ast.Name(name, ast.Load()), **holes})
        return Edit(cost, kind, path, [statement, new], said, o)

    for o in choices:
        neutral = o.origin == "number" and o.values[0] in (0, 1)
        if neutral or name in o.names or not _fits(np.shape(held[0]), o.shape):
            continue
        if o.kind == "b":
            if o.shape == np.shape(held[0]) != ():
                for cost, mask in ((1.25, _opposite(o.node)), (1.3, o.node)):
                    said = f"the entries of `{name}` where {_code(mask)} are not set to 0"
                    yield line(
                        "_0[_1] = 0", cost + o.cost + extra, "mask_missing", said, o, _1=mask
                    )
            continue
        for cost, kind, op, _, said in _ARITHMETIC:
            if op in (ast.Add, ast.Sub) and not o.shape and np.ndim(held[0]):
                continue
            sign = {ast.Div: "/", ast.Mult: "*", ast.Add: "+", ast.Sub: "-"}[op]
            text = said.format(o=o.text)
            yield line(f"_0 {sign}= _1", cost + o.cost + extra, kind, text, o, _1=o.node)
    for index in labels:
        at = _code(ast.Subscript(ast.Name(name, ast.Load()), index, ast.Load()))
        yield line("_0[_1] -= 1", 1.3, "labels", f"1 is not subtracted at {at}", _1=index)
        yield line("_0[_1] += 1", 1.45, "labels", f"1 is not added at {at}", _1=index)
        yield line("_0[_1] = 0", 1.5, "labels", f"{at} is not set to 0", _1=index)
        yield line("_0[_1] = -np.sum(_0, axis=1)", 1.55, "labels",
                   f"{at} should be minus the sum of the others", _1=index)  # fmt: skip


def _opposite(node: ast.expr) -> ast.expr:
    pairs = {ast.Gt: ast.LtE, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.LtE: ast.Gt, ast.Eq: ast.NotEq,
             ast.NotEq: ast.Eq}  # fmt: skip
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in pairs:
        return ast.Compare(node.left, [pairs[type(node.ops[0])]()], node.comparators)
    return ast.UnaryOp(ast.Invert(), node)


def orders(path: Path, block: list[ast.stmt], i: int) -> Iterator[Edit]:
    """Yield a block in which a statement has gone further down, or one has come up to it."""
    field = (*path[:-1], (path[-1][0], None))
    for j in range(i + 1, min(i + 5, len(block))):
        if isinstance(block[i], ast.Return) or isinstance(block[j], ast.Return):
            return
        cost = 1.15 + 0.05 * (j - i)
        down = [*block[:i], *block[i + 1 : j + 1], block[i], *block[j + 1 :]]
        yield Edit(cost, "order", field, down, f"the line `{text_of(block[i])}` comes too early")
        if j > i + 1:
            up = [*block[:i], block[j], *block[i:j], *block[j + 1 :]]
            yield Edit(cost, "order", field, up, f"the line `{text_of(block[j])}` comes too late")


def mirrored(path: Path, statement: ast.stmt, names: set[str]) -> Iterator[Edit]:
    """Yield a line more that does for W2 what one does for W1, or for b what it does for W."""
    used = names_in(statement)
    changes = []
    for number in sorted({m[1] for n in used if (m := re.search(r"(\d+)$", n))}):
        changes += [{n: n[: -len(number)] + other for n in used if n.endswith(number)}
                    for other in "123456789"]  # fmt: skip
    for one, other in (*pairwise(("W", "b", "W")), *pairwise(("gamma", "beta", "gamma"))):
        changes.append({n: n.replace(one, other) for n in used if n in (one, f"d{one}")})
    for change in changes:
        if change and set(change.values()) <= names and any(k != v for k, v in change.items()):
            new = copy.deepcopy(statement)
            for node in ast.walk(new):
                if isinstance(node, ast.Name):
                    node.id = change.get(node.id, node.id)
            said = f"the line `{text_of(new)}` is missing"
            yield Edit(1.4, "line_missing", path, [statement, new], said)


def layers(path: Path, statement: ast.stmt, scope: Scope, tree: ast.AST) -> Iterator[Edit]:
    """Yield a line more that calls a method of a layer which is not called anywhere."""
    target, call = target_of(statement), getattr(statement, "value", None)
    func: Any = call.func if isinstance(call, ast.Call) and len(call.args) == 1 else None
    layer: Any = func.value if isinstance(func, ast.Attribute) else None
    named = isinstance(layer, ast.Attribute) and isinstance(layer.value, ast.Name)
    if not isinstance(target, ast.Name) or not named:
        return
    owner, method = scope.variables[0].get(layer.value.id), func.attr
    called = {text_of(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    for name, held in vars(owner).items() if isinstance(owner, SimpleNamespace) else ():
        one = ast.Attribute(ast.Attribute(layer.value, name, ast.Load()), method, ast.Load())
        if text_of(one) in called or not hasattr(type(held), method) or hasattr(np.ndarray, method):
            continue
        new = ast.Assign([target], ast.Call(one, [_loaded(target)], []))
        ast.copy_location(new, statement)
        said = f"the line `{text_of(new)}` is missing"
        yield Edit(1.2, "line_missing", path, [statement, new], said)


def elsewhere(path: Path, statement: ast.stmt, indices: list[ast.expr]) -> Iterator[Edit]:
    """Yield a line more that writes the same at another index, with the same sign or the other."""
    target = target_of(statement)
    if not isinstance(statement, ast.AugAssign) or not isinstance(target, ast.Subscript):
        return
    signs = {ast.Add: ast.Sub(), ast.Sub: ast.Add()}
    if type(statement.op) not in signs:
        return
    for place in index_others(target.slice, indices):
        one = isinstance(place, ast.Tuple) == isinstance(target.slice, ast.Tuple)
        if not one or text_of(place) == text_of(target.slice):
            continue
        for op in (signs[type(statement.op)], statement.op):
            new = copy.copy(statement)
            new.target, new.op = ast.Subscript(target.value, place, ast.Store()), op
            said = f"the line `{text_of(new)}` is missing"
            yield Edit(1.35, "line_missing", path, [statement, new], said)


def conditional(path: Path, statement: ast.stmt, conditions: list[ast.expr],
                tests: list[ast.expr], follows: bool) -> Iterator[Edit]:  # fmt: skip
    """Yield a line of a loop that is meant in some rounds only, alone or with those after it.

    What the loss asks, too, is the likelier.
    """
    if target_of(statement) is None:
        return
    for condition in (*conditions, *tests):
        said = f"the line is meant where {_code(condition)} only"
        cost = 1.3 if condition in conditions else 1.24
        yield Edit(cost, "condition_missing", path, [ast.If(condition, [statement], [])], said)
        if follows:
            skip = ast.If(_opposite(condition), [ast.Continue()], [])
            said = f"this and what follows are meant where {_code(condition)} only"
            yield Edit(1.34, "condition_missing", path, [skip, statement], said)


def indicators(path: Path, node: ast.expr, value: Any, conditions: list[ast.expr]
               ) -> Iterator[Edit]:  # fmt: skip
    """Yield a number that counts in some rounds of a loop only: 1 at the label."""
    if isinstance(node, ast.Constant):
        if type(node.value) in (int, float) and node.value == 1:
            for condition in conditions:
                said = f"the 1 is meant where {_code(condition)} only"
                yield Edit(1.15, "condition_missing", path, condition, said)
    elif isinstance(value, float | np.floating):
        for condition in conditions:
            said = f"the 1 where {_code(condition)} is missing"
            new = ast.BinOp(node, ast.Sub(), condition)
            yield Edit(1.32, "term_missing", path, new, said)


def alternatives(path: Path, statement: ast.stmt) -> Iterator[Edit]:
    """Yield an `else` that does nearly what the branch does: a term or a factor less."""
    if not isinstance(statement, ast.If) or statement.orelse or len(statement.body) != 1:
        return
    line = statement.body[0]
    if target_of(line) is None:
        return
    for inner, e in expressions(line):
        for edit in _by_rules(inner, e, None):
            if edit.kind in ("term_extra", "factor_extra", "sign"):
                other = changed(line, inner, edit.new)
                made = copy.copy(statement)
                made.orelse = [other]
                said = f"there is no `else`: `{text_of(other)}`"
                yield Edit(1.4, "line_missing", path, [made], said)


def moved(path: Path, block: list[ast.stmt], i: int) -> Iterator[Edit]:
    """Yield a block in which a line comes out of a loop or a branch, or goes into it."""
    field, owner = (*path[:-1], (path[-1][0], None)), block[i]
    if not isinstance(owner, _COMPOUND) or owner.orelse:
        return
    last = owner.body[-1]
    if len(owner.body) > 1 and not isinstance(last, _COMPOUND):
        made = copy.copy(owner)
        made.body = owner.body[:-1]
        said = f"the line `{text_of(last)}` belongs after the {_WORDS[type(owner)]}"
        yield Edit(1.2, "order", field, [*block[:i], made, last, *block[i + 1 :]], said)
    if i + 1 < len(block) and target_of(block[i + 1]) is not None:
        said = f"the line `{text_of(block[i + 1])}` belongs into the {_WORDS[type(owner)]}"
        cost = 1.2 if isinstance(owner, ast.If) else 1.3  # below what asks the same again
        for made in _extended(owner, block[i + 1]):
            yield Edit(cost, "order", field, [*block[:i], made, *block[i + 2 :]], said)


def _extended(owner: Any, line: ast.stmt) -> Iterator[Any]:
    """Yield a loop or a branch with a line more at its end, or at that of one within it."""
    made = copy.copy(owner)
    made.body = [*owner.body, line]
    yield made
    if isinstance(owner.body[-1], _COMPOUND) and not owner.body[-1].orelse:
        for inner in _extended(owner.body[-1], line):
            made = copy.copy(owner)
            made.body = [*owner.body[:-1], inner]
            yield made


_WORDS = {ast.For: "loop", ast.While: "loop", ast.If: "branch"}


# --- the other way round ---

#: What the repair of a mistake is called that an edit of a kind has made.
INVERSE = {
    "factor_extra": "factor_missing", "divisor_extra": "divisor_missing",
    "term_extra": "term_missing", "factor_missing": "factor_extra",
    "divisor_missing": "divisor_extra", "term_missing": "term_extra",
    "line_extra": "line_missing", "call_extra": "function", "overwritten": "accumulated",
    "accumulated": "overwritten", "mask_missing": "factor_extra",
}  # fmt: skip


def inverse_said(edit: Edit, old: Any) -> str:
    """Say what is wrong once an edit has been made in right code."""
    said, gone = edit.said, "does not belong there"
    if swapped := re.fullmatch(r"(`[^`]*`) should be (`[^`]*`)", said):
        return f"{swapped[2]} should be {swapped[1]}"
    if edit.kind in INVERSE and said.endswith((gone, "is missing")):
        return (
            said.replace(gone, "is missing") if gone in said else said.replace("is missing", gone)
        )
    if edit.kind == "sign":
        return said
    if edit.kind == "order":
        return said.replace("early", "late") if "early" in said else said.replace("late", "early")
    new = edit.new[0] if isinstance(edit.new, list) else edit.new
    return f"{_code(new)} should be {_code(old)}"
