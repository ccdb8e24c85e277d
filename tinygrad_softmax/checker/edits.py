"""The table of edits: small changes of code, each with what it is called.

Imports `source` and `operands`. It is used in both directions: a mistake is seeded in right code by
an edit, and a mistake is repaired by one. An edit of an expression is a new expression in its
place; an edit of a statement is a list of statements.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .operands import Operand, Scope
from .source import Path, names_in, text_of


class Edit(NamedTuple):
    """A change of the code.

    ``new`` is the node (or the list of statements) for the place ``path``; ``value`` computes what
    a new expression comes to from what the old one did, where that needs no running.
    """

    cost: float
    kind: str
    path: Path
    new: Any
    said: str
    operand: Operand | None = None
    value: Callable[[Any, int], Any] | None = None


_ARITHMETIC: dict[type, Any] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide,
}  # fmt: skip
_SWAPPED = {
    ast.Add: (ast.Sub, ast.Mult), ast.Sub: (ast.Add, ast.Mult), ast.Mult: (ast.Div, ast.MatMult, ast.Add, ast.Pow),
    ast.Div: (ast.Mult,), ast.MatMult: (ast.Mult,), ast.Pow: (ast.Mult,), ast.FloorDiv: (ast.Div,),
    ast.Mod: (ast.Div,),
}  # fmt: skip
#: Operators that are easily taken for one another.
_ALIKE = ({ast.Add, ast.Sub}, {ast.Mult, ast.Div}, {ast.Mult, ast.MatMult}, {ast.FloorDiv, ast.Div})
_COMPARED = {
    ast.Gt: (ast.LtE, ast.Lt, ast.GtE), ast.Lt: (ast.GtE, ast.Gt, ast.LtE), ast.GtE: (ast.Lt, ast.Gt),
    ast.LtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
}  # fmt: skip
#: Functions that are taken for one another.
_FAMILIES = (
    ("sum", "mean"), ("sum", "max"), ("var", "std"), ("mean", "max"),
    ("exp", "log"), ("log", "log10"), ("log", "log2"), ("log", "log1p"), ("exp", "expm1"),
    ("sin", "cos"), ("sinh", "cosh"), ("tanh", "sinh"), ("maximum", "minimum"), ("max", "min"),
    ("argmax", "argmin"), ("sqrt", "square"), ("zeros_like", "ones_like"), ("zeros", "ones"),
    ("abs", "sign"), ("dot", "multiply"), ("dot", "outer"), ("triu", "tril"),
    ("floor", "ceil"), ("cumsum", "sum"),
)  # fmt: skip
_REDUCTIONS = frozenset(["sum", "mean", "max", "min", "var", "std", "prod", "argmax", "argmin",
                         "norm", "cumsum"])  # fmt: skip
_SYMBOLS: dict[type, str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@", ast.Pow: "**",
    ast.FloorDiv: "//", ast.Mod: "%", ast.Gt: ">", ast.Lt: "<", ast.GtE: ">=", ast.LtE: "<=",
    ast.Eq: "==", ast.NotEq: "!=", ast.And: "and", ast.Or: "or",
}  # fmt: skip


def _call(text: str, *nodes: ast.expr) -> Any:
    """Return an expression with nodes in the place of _0, _1, ..."""
    class Put(ast.NodeTransformer):
        def visit_Name(self, name: ast.Name) -> Any:
            return nodes[int(name.id[1:])] if re.fullmatch(r"_\d", name.id) else name

    return Put().visit(ast.parse(text, mode="eval").body)


def _code(node: ast.AST) -> str:
    return f"`{text_of(node)}`"


def function_name(node: ast.AST) -> str:
    """Return what a call calls, without the module; empty if it is none."""
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def simple(path: Path, node: ast.expr, value: Any, helpers: tuple[str, ...] = (),
           indices: tuple[ast.expr, ...] = ()) -> Iterator[Edit]:  # fmt: skip
    """Yield the edits of an expression that need nothing but the expression."""
    def edit(cost: float, kind: str, new: Any, said: str) -> Edit:
        return Edit(cost, kind, path, new, said)

    text = _code(node)
    if isinstance(value, (list, tuple)):
        value = None
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield from _constants(path, node)
        return
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield edit(1.0, "constant", ast.Constant(not node.value), f"{text} should be `{not node.value}`")
        return
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not, ast.Invert)):
        kind = "sign" if isinstance(node.op, ast.USub) else "condition"
        yield edit(1.0, kind, node.operand, _sign_said(kind, text))
    if isinstance(node, ast.BinOp):
        yield from _binary(path, node)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in _COMPARED.get(type(node.ops[0]), ()):
            new = ast.Compare(node.left, [other()], node.comparators)
            yield edit(1.0, "condition", new, f"{text} should be {_code(new)}")
        flipped = ast.Compare(node.comparators[0], node.ops, [node.left])
        del flipped
    if isinstance(node, ast.BoolOp):
        other_op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        new = ast.BoolOp(other_op, node.values)
        yield edit(1.0, "condition", new, f"{text} should be {_code(new)}")
    if isinstance(node, ast.Call):
        yield from _calls(path, node)
    if isinstance(node, ast.Subscript):
        yield from _subscripts(path, node)
        for index in indices:
            if text_of(index) != text_of(node.slice):
                made = ast.Subscript(node.value, index, ast.Load())
                yield edit(1.25, "index", made, f"the index is wrong: {text} should be {_code(made)}")
    if path[-1][0] == "iter":
        yield edit(1.2, "loop", _call("reversed(_0)", node), f"the loop should run backwards over {text}")
        if function_name(node) == "reversed" and isinstance(node, ast.Call):
            yield edit(1.2, "loop", node.args[0], f"the loop should run forwards over {_code(node.args[0])}")
        if function_name(node) == "range" and isinstance(node, ast.Call) and len(node.args) == 2:
            yield edit(1.02, "index", _call("range(_0)", node.args[1]), "the loop leaves out the first ones")
    if isinstance(node, (ast.Tuple, ast.List)) and len(node.elts) >= 2:
        for i in range(len(node.elts)):
            for j in range(i + 1, min(len(node.elts), i + 4)):
                items = list(node.elts)
                items[i], items[j] = items[j], items[i]
                yield edit(1.2, "swapped", type(node)(items, ast.Load()),
                           f"{_code(node.elts[i])} and {_code(node.elts[j])} are swapped")
    if isinstance(node, ast.IfExp):
        yield edit(1.1, "swapped", ast.IfExp(node.test, node.orelse, node.body),
                   "the two branches are swapped")
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield edit(1.0, "transposed", node.value, f"{_code(node.value)} should not be transposed")
    elif np.ndim(value) == 2 and not isinstance(node, (ast.Tuple, ast.List)):
        base = node if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)) else node
        yield edit(1.1, "transposed", ast.Attribute(base, "T", ast.Load()), f"{text} should be transposed")
    kind = np.asarray(value).dtype.kind if isinstance(value, (np.ndarray, np.generic, float, int)) else ""
    if kind == "b":
        yield edit(1.2, "condition", ast.UnaryOp(ast.Invert(), node), f"{text} should be its opposite")
    if kind and kind in "if" and not isinstance(node, ast.UnaryOp):
        yield edit(1.15, "sign", ast.UnaryOp(ast.USub(), node), f"the sign of {text} is wrong")
    if kind and kind in "f":
        for cost, form, said in (
            (1.3, "_0 ** 2", "{t} should be squared"), (1.35, "np.sqrt(_0)", "the square root of {t} is missing"),
            (1.45, "1 - _0", "{t} should be subtracted from 1"), (1.5, "1 / _0", "{t} should be inverted"),
            (1.5, "_0 ** 3", "{t} should be cubed"), (1.5, "np.exp(_0)", "the exponential of {t} is missing"),
            (1.5, "np.log(_0)", "the logarithm of {t} is missing"),
            (1.5, "np.tanh(_0)", "the tanh of {t} is missing"),
            (1.5, "np.abs(_0)", "the absolute value of {t} is missing"), (1.5, "np.sign(_0)", "only the sign of {t} counts"),
            (1.45, "_0 > 0", "the condition {t} `> 0` is missing"), (1.5, "np.maximum(_0, 0)", "{t} should be at least 0"),
            (1.5, "1 / (1 + np.exp(-_0))", "the sigmoid of {t} is missing"),
        ):  # fmt: skip
            yield edit(cost, "function", _call(form, node), said.format(t=text))
        for name in helpers:
            if function_name(node) != name:
                made = _call(f"{name}(_0)", node)
                yield edit(1.3, "function", made, f"`{name}` of {text} is meant")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in helpers and node.func.id != name:
                yield edit(1.2, "function", ast.Call(ast.Name(name, ast.Load()), node.args, node.keywords), f"`{node.func.id}` should be `{name}`")
    if np.ndim(value):
        yield from _reduced(path, node, value)
    if isinstance(value, np.ndarray):
        yield edit(1.05, "copy", ast.Call(ast.Attribute(node, "copy", ast.Load()), [], []),
                   f"{text} is changed later, where it is still needed: copy it")


def _sign_said(kind: str, text: str) -> str:
    return f"the sign of {text} is wrong" if kind == "sign" else f"{text} should be its opposite"


def _constants(path: Path, node: ast.Constant) -> Iterator[Edit]:
    c: Any = node.value
    seen = {c}
    candidates = [2 * c, c / 2, c + 1, c - 1, 1, 2, 0, 0.5, -c, 3, 4, 0.25, c * c, 10 * c, c / 10]
    if c:
        candidates.append(1 / c)
    for i, new in enumerate(candidates):
        if isinstance(new, float) and new == int(new) and type(c) is int:
            new = int(new)
        if new in seen or abs(new) > 1e6:
            continue
        seen.add(new)
        made: Any = ast.Constant(new) if new >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-new))
        yield Edit((1.2 if new in (0, 1) else 1.0) + 0.02 * i, "constant", path, made, f"{_code(node)} should be {_code(made)}")


def _binary(path: Path, node: ast.BinOp) -> Iterator[Edit]:
    left, right, op = node.left, node.right, node.op
    text = _code(node)
    kinds: dict[type, tuple[str, str, str]] = {
        ast.Mult: ("factor_extra", "the factor {r} does not belong there", "the factor {l} does not belong there"),
        ast.Div: ("divisor_extra", "the division by {r} does not belong there", ""),
        ast.Add: ("term_extra", "the term {r} does not belong there", "the term {l} does not belong there"),
        ast.Sub: ("term_extra", "the term {r} does not belong there", ""),
        ast.MatMult: ("factor_extra", "the product with {r} does not belong there", "the product with {l} does not belong there"),
        ast.Pow: ("function", "{l} should not be raised to a power", ""),
        ast.FloorDiv: ("divisor_extra", "the division by {r} does not belong there", ""),
    }  # fmt: skip
    if type(op) in kinds:
        kind, drop_right, drop_left = kinds[type(op)]
        r, l = _code(right), _code(left)
        yield Edit(1.05, kind, path, left, drop_right.format(r=r, l=l))
        if drop_left:
            yield Edit(1.05, kind, path, right, drop_left.format(r=r, l=l))
        elif isinstance(op, ast.Sub):
            yield Edit(1.1, kind, path, ast.UnaryOp(ast.USub(), right), f"the term {l} does not belong there")
            yield Edit(1.4, "term_extra", path, right, f"only {r} belongs there")
        elif isinstance(op, ast.Div):
            yield Edit(1.4, "factor_extra", path, right, f"only {r} belongs there")
    for other in _SWAPPED.get(type(op), ()):
        new = ast.BinOp(left, other(), right)
        yield Edit(1.0 if {type(op), other} in _ALIKE else 1.35, "operator", path, new,
                   f"`{_SYMBOLS[type(op)]}` should be `{_SYMBOLS[other]}`")  # fmt: skip
    if isinstance(op, (ast.Sub, ast.Div, ast.Pow)):
        yield Edit(1.05, "swapped", path, ast.BinOp(right, op, left), f"{text} is the wrong way round")
    if isinstance(op, ast.MatMult):
        yield from _products(path, left, right, lambda a, b: ast.BinOp(a, op, b))
    yield from _brackets(path, node)


def _transposed(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return node.value
    return ast.Attribute(node, "T", ast.Load())


def _products(path: Path, left: ast.expr, right: ast.expr, made: Any) -> Iterator[Edit]:
    """Yield the ways to multiply two matrices."""
    def said(new: Any) -> str:
        return f"the product should be {_code(new)}"

    for a, b, cost in (
        (left, _transposed(right), 1.02), (_transposed(left), right, 1.02), (right, left, 1.05),
        (_transposed(right), left, 1.12), (right, _transposed(left), 1.12),
        (_transposed(left), _transposed(right), 1.15), (_transposed(right), _transposed(left), 1.15),
    ):  # fmt: skip
        new = made(a, b)
        yield Edit(cost, "transposed", path, new, said(new))


def _brackets(path: Path, node: ast.BinOp) -> Iterator[Edit]:
    """Yield other bracketings: ``a - b * c`` as ``(a - b) * c``, and the other way round."""
    left, right = node.left, node.right

    def edit(new: Any) -> Edit:
        return Edit(1.1, "brackets", path, new, f"brackets are missing or misplaced: {_code(new)}")

    if isinstance(right, ast.BinOp):
        yield edit(ast.BinOp(ast.BinOp(left, node.op, right.left), right.op, right.right))
        if isinstance(right.left, ast.BinOp):
            inner = right.left
            yield edit(ast.BinOp(ast.BinOp(ast.BinOp(left, node.op, inner.left), inner.op, inner.right), right.op, right.right))
    if isinstance(left, ast.BinOp):
        yield edit(ast.BinOp(left.left, left.op, ast.BinOp(left.right, node.op, right)))
        if isinstance(left.left, ast.BinOp):
            inner = left.left
            yield edit(ast.BinOp(inner.left, inner.op, ast.BinOp(ast.BinOp(inner.right, left.op, left.right), node.op, right)))
    if isinstance(left, ast.UnaryOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        yield edit(ast.UnaryOp(left.op, ast.BinOp(left.operand, node.op, right)))
    # a factor of one term that belongs to the sum, or the other way round
    if isinstance(node.op, (ast.Add, ast.Sub)) and isinstance(left, ast.BinOp) and isinstance(left.op, (ast.Mult, ast.Div, ast.MatMult)):
        moved = ast.BinOp(ast.BinOp(left.left, node.op, right), left.op, left.right)
        yield edit(moved)


def _calls(path: Path, node: ast.Call) -> Iterator[Edit]:
    name, text = function_name(node), _code(node)
    method = isinstance(node.func, ast.Attribute) and not (
        isinstance(node.func.value, ast.Name) and node.func.value.id in ("np", "numpy"))  # fmt: skip

    def renamed(other: str) -> Any:
        if isinstance(node.func, ast.Attribute):
            return ast.Call(ast.Attribute(node.func.value, other, ast.Load()), node.args, node.keywords)
        return None

    for family in _FAMILIES:
        if name in family:
            for other in family:
                new = renamed(other) if other != name else None
                if new is not None and not (method and not hasattr(np.ndarray, other)):
                    kind = "reduction" if name in _REDUCTIONS else "function"
                    yield Edit(1.0 if family[0] == "sum" and other in ("sum", "mean") else 1.15, kind, path, new,
                               f"`{name}` should be `{other}`")
    of = node.func.value if method and isinstance(node.func, ast.Attribute) else node.args[0] if node.args else None
    if of is not None and name not in ("range", "len") and not (name == "reshape"):
        yield Edit(1.2, "call_extra", path, of, f"`{name}` does not belong there")
    args = node.args
    if len(args) >= 2:
        for i in range(len(args) - 1):
            items = list(args)
            items[i], items[i + 1] = items[i + 1], items[i]
            if name not in ("dot", "matmul"):
                yield Edit(1.1, "swapped", path, ast.Call(node.func, items, node.keywords),
                           f"{_code(args[i])} and {_code(args[i + 1])} are swapped")
    if name in ("dot", "matmul") and len(args) == 2 and not method:
        yield from _products(path, args[0], args[1], lambda a, b: ast.Call(node.func, [a, b], node.keywords))
        yield Edit(1.1, "operator", path, ast.BinOp(args[0], ast.Mult(), args[1]), f"`{name}` should be `*`")
    if name == "dot" and method and len(args) == 1 and isinstance(node.func, ast.Attribute):
        yield from _products(path, node.func.value, args[0], lambda a, b: ast.Call(
            ast.Attribute(a, "dot", ast.Load()), [b], node.keywords))
        yield Edit(1.1, "operator", path, ast.BinOp(node.func.value, ast.Mult(), args[0]), "`dot` should be `*`")
    if name in ("multiply",) and len(args) == 2:
        yield Edit(1.1, "operator", path, ast.BinOp(args[0], ast.MatMult(), args[1]), "`multiply` should be `@`")
    if name in _REDUCTIONS:
        yield from _axes(path, node, method)
    if name == "copy":
        pass
    if name in ("reshape", "ravel", "squeeze", "flatten", "copy", "astype"):
        return


def _axes(path: Path, node: ast.Call, method: bool) -> Iterator[Edit]:
    """Yield another axis, or another keepdims, of a reduction."""
    given = {k.arg: k for k in node.keywords}
    args = list(node.args)
    place = 0 if method else 1
    now = given["axis"].value if "axis" in given else args[place] if len(args) > place else None
    rest = [k for k in node.keywords if k.arg != "axis"]
    for axis in (0, 1, 2, -1, -2, None):
        new_args = [*args[:place], *args[place + 1 :]]
        keywords = list(rest)
        if axis is not None:
            value: Any = ast.Constant(axis) if axis >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-axis))
            keywords = [ast.keyword("axis", value), *rest]
        if now is not None and axis is not None and text_of(value) == text_of(now):
            continue
        if now is None and axis is None:
            continue
        made = ast.Call(node.func, new_args, keywords)
        if axis is None:
            said = f"the axis does not belong in {_code(node)}"
        elif now is None:
            said = f"`axis={axis}` is missing"
        else:
            said = f"the axis should be {axis}"
        yield Edit(1.0, "axis", path, made, said)
        if "keepdims" not in given and axis is not None:
            both = ast.Call(node.func, new_args, [*keywords, ast.keyword("keepdims", ast.Constant(True))])
            yield Edit(1.12, "axis", path, both, said)
    if "keepdims" in given:
        kept = [k for k in node.keywords if k.arg != "keepdims"]
        yield Edit(1.0, "shape", path, ast.Call(node.func, args, kept), "`keepdims=True` does not belong there")
    else:
        kept = [*node.keywords, ast.keyword("keepdims", ast.Constant(True))]
        yield Edit(1.0, "shape", path, ast.Call(node.func, args, kept), "`keepdims=True` is missing")


def _reduced(path: Path, node: ast.expr, value: Any) -> Iterator[Edit]:
    n = np.ndim(value)
    text = _code(node)
    forms = [("np.sum(_0)", 1.35, f"the sum of {text} is missing")]
    for axis in range(n):
        forms += [
            (f"np.sum(_0, axis={axis})", 1.3, f"the sum of {text} over axis {axis} is missing"),
            (f"np.sum(_0, axis={axis}, keepdims=True)", 1.32, f"the sum of {text} over axis {axis} is missing"),
            (f"np.mean(_0, axis={axis})", 1.45, f"the mean of {text} over axis {axis} is missing"),
            (f"np.mean(_0, axis={axis}, keepdims=True)", 1.46, f"the mean of {text} over axis {axis} is missing"),
        ]
    if n == 1:
        forms += [("_0[:, None]", 1.15, f"{text} should be a column"), ("_0.reshape(-1, 1)", 1.25, f"{text} should be a column"),
                  ("_0.reshape(1, -1)", 1.2, f"{text} should be a row")]
    if n == 2:
        forms += [("_0[:, 0]", 1.4, f"{text} should be one-dimensional"), ("_0[0]", 1.4, f"{text} should be one-dimensional"),
                  ("_0.ravel()", 1.35, f"{text} should be one-dimensional"), ("np.diag(_0)", 1.45, f"only the diagonal of {text} counts")]
    if n:
        forms.append(("np.mean(_0)", 1.45, f"the mean of {text} is missing"))
    for form, cost, said in forms:
        kind = "not_summed" if "sum" in form else "reduction" if "mean" in form else "shape"
        yield Edit(cost, kind, path, _call(form, node), said)


def _subscripts(path: Path, node: ast.Subscript) -> Iterator[Edit]:
    text, index = _code(node), node.slice

    def edit(cost: float, new: Any) -> Edit:
        made = ast.Subscript(node.value, new, node.ctx)
        return Edit(cost, "index", path, made, f"the index is wrong: {text} should be {_code(made)}")

    if not (isinstance(index, ast.Constant) and isinstance(index.value, str)):
        yield Edit(1.25, "index", path, node.value, f"the index of {text} does not belong there")
    for variant in index_variants(index):
        yield edit(1.15, variant)


def index_variants(index: ast.expr) -> Iterator[ast.expr]:
    """Yield the indices next to an index: shifted by one, swapped, bounded otherwise."""
    if isinstance(index, ast.Tuple):
        for i, part in enumerate(index.elts):
            for new in index_variants(part):
                items = list(index.elts)
                items[i] = new
                yield ast.Tuple(items, ast.Load())
        if len(index.elts) == 2:
            yield ast.Tuple(index.elts[::-1], ast.Load())
    elif isinstance(index, ast.Slice):
        one = ast.Constant(1)
        minus = ast.UnaryOp(ast.USub(), one)
        if index.lower is None and index.upper is None:
            yield ast.Slice(one, None, None)
            yield ast.Slice(None, minus, None)
            yield ast.Slice(None, None, minus)
            return
        yield ast.Slice(None, None, index.step)
        yield ast.Slice(index.upper, index.lower, index.step)
        for bound in ("lower", "upper"):
            value = getattr(index, bound)
            for new in ([ast.BinOp(value, op(), one) for op in (ast.Add, ast.Sub)] if value is not None else ()):
                made = copy.copy(index)
                setattr(made, bound, _folded(new))
                yield made
            made = copy.copy(index)
            setattr(made, bound, None)
            yield made
    elif not (isinstance(index, ast.Constant) and (index.value is None or index.value is Ellipsis or isinstance(index.value, str))):
        one = ast.Constant(1)
        for op in (ast.Add, ast.Sub):
            yield _folded(ast.BinOp(index, op(), one))


def _folded(node: ast.BinOp) -> ast.expr:
    """Return ``t - 1 + 1`` as ``t``, and ``2 + 1`` as 3."""
    left, right = node.left, node.right
    sign = 1 if isinstance(node.op, ast.Add) else -1
    if isinstance(left, ast.Constant) and type(left.value) is int:
        value = left.value + sign
        return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))
    if isinstance(left, ast.UnaryOp) and isinstance(left.op, ast.USub) and isinstance(left.operand, ast.Constant):
        value = -left.operand.value + sign  # type: ignore[operator]
        return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))
    if isinstance(left, ast.BinOp) and isinstance(left.op, (ast.Add, ast.Sub)) and isinstance(left.right, ast.Constant) and left.right.value == 1:
        before = 1 if isinstance(left.op, ast.Add) else -1
        if before + sign == 0:
            return left.left
    del right
    return node


# --- with operands ---


def with_operands(
    path: Path, node: ast.expr, values: tuple[Any, ...], choices: list[Operand], whole: bool
) -> Iterator[Edit]:
    """Yield an expression with a factor, a divisor, a term more, or something else in its place."""
    if not all(isinstance(v, (np.ndarray, np.generic, float, int)) for v in values):
        return
    shape = np.shape(values[0])
    kind = np.asarray(values[0]).dtype.kind
    text = _code(node)
    less = -0.1 if whole and isinstance(node, ast.Name) else 0.0 if whole else 0.12
    for o in choices:
        other = np.shape(o.values[0])
        arrays = np.asarray(o.values[0]).dtype.kind
        if kind in "fib" and not isinstance(node, ast.Constant):
            try:
                result = np.broadcast_shapes(shape, other)
            except ValueError:
                continue
            if result == shape or not shape:
                size = o.size
                for cost, name, op, said in (
                    (1.2, "divisor_missing", ast.Div, "the division by {o} is missing"),
                    (1.2, "factor_missing", ast.Mult, "the factor {o} is missing"),
                    (1.25, "term_missing", ast.Add, "the term {o} is missing"),
                    (1.25, "term_missing", ast.Sub, "the term {o} is missing, with a minus"),
                ):  # fmt: skip
                    if arrays == "b" and op is not ast.Mult:
                        continue
                    if op is ast.Div and other and other == shape and o.origin != "name" and size > 8:
                        cost += 0.1
                    if op in (ast.Add, ast.Sub) and not other and shape:
                        cost += 0.15
                    new = ast.BinOp(node, op(), o.node)
                    caption = "mask_missing" if arrays == "b" else name
                    yield Edit(cost + less + o.cost, caption, path, new, said.format(o=o.text), o,
                               _applied(_ARITHMETIC[op], o))
        number = isinstance(node, ast.Constant) and len(other) == 2
        names = isinstance(node, ast.Name) and isinstance(o.node, ast.Name) and len(other) == len(shape)
        if (other == shape or number or names) and (arrays == kind or {arrays, kind} <= set("fi")):
            name = isinstance(node, ast.Name) and isinstance(o.node, ast.Name)
            cost = (1.0 if name else 1.45 if not isinstance(node, ast.Constant) else 1.5 if number else 1.3) + o.cost
            if not name and sum(1 for _ in ast.walk(node)) > 12:
                cost += 0.3
            yield Edit(cost, "name" if name else "replaced", path, o.node,
                       f"{text} should be {o.text}", o, lambda v, k, o=o: o.values[k])


def _applied(op: Any, o: Operand) -> Callable[[Any, int], Any]:
    return lambda value, k: op(value, o.values[k])


# --- statements ---


def of_statement(
    path: Path, statement: ast.stmt, scope: Scope, choices: list[Operand], after: bool, twice: bool,
    indices: list[ast.expr],
) -> Iterator[Edit]:
    """Yield the edits of a statement: how it assigns, and what is missing after it."""
    target = target_of(statement)
    yield Edit(1.0 if twice else 1.5, "line_extra", path, [ast.Pass()], f"the line `{text_of(statement)}` does not belong there")
    if isinstance(statement, (ast.Assign, ast.AugAssign)) and target is not None:
        yield from _assignments(path, statement, target, indices)
    if isinstance(statement, ast.Expr) and function_name(statement.value) == "at":
        call = statement.value
        assert isinstance(call, ast.Call)
        if len(call.args) == 3:
            new = ast.AugAssign(_stored(ast.Subscript(call.args[0], call.args[1], ast.Load())), ast.Add(), call.args[2])
            yield Edit(1.3, "accumulated", path, [new], "`np.add.at` should be `+=`")
    if not after or target is None:
        return
    name = root_of(target)
    if name is None:
        return
    yield from _insertions(path, statement, name, scope, choices)


def target_of(statement: ast.stmt) -> Any:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        return statement.targets[0]
    return statement.target if isinstance(statement, ast.AugAssign) else None


def _with_target(statement: Any, target: Any) -> Any:
    made = copy.copy(statement)
    if isinstance(made, ast.Assign):
        made.targets = [target]
    else:
        made.target = target
    return made


def root_of(target: ast.AST) -> str | None:
    while isinstance(target, ast.Subscript):
        target = target.value
    return target.id if isinstance(target, ast.Name) else None


def _stored(node: Any) -> Any:
    made = copy.copy(node)
    made.ctx = ast.Store()
    return made


def _loaded(node: Any) -> Any:
    made = copy.copy(node)
    made.ctx = ast.Load()
    return made


def _assignments(path: Path, statement: Any, target: Any, indices: list[ast.expr]) -> Iterator[Edit]:
    value = statement.value
    base = target.value if isinstance(target, ast.Subscript) else target
    old = text_of(target.slice) if isinstance(target, ast.Subscript) else ""
    for index in indices:
        if text_of(index) != old:
            made = _with_target(statement, ast.Subscript(_loaded(base), index, ast.Store()))
            yield Edit(1.25, "index", path, [made], f"the index is wrong: {_code(_loaded(target_of(made)))} is meant")
    if isinstance(statement, ast.AugAssign):
        yield Edit(1.05, "accumulated", path, [ast.Assign([target], value)], "`=` is meant: what was there before does not count")
        for op in (ast.Add, ast.Sub, ast.Mult, ast.Div):
            if not isinstance(statement.op, op):
                yield Edit(1.0 if op in (ast.Add, ast.Sub) else 1.1, "operator", path, [ast.AugAssign(target, op(), value)],
                           f"`{_SYMBOLS[type(statement.op)]}=` should be `{_SYMBOLS[op]}=`")
        if isinstance(target, ast.Subscript) and isinstance(statement.op, (ast.Add, ast.Sub)):
            call = _call("np.add.at(_0, _1, _2)" if isinstance(statement.op, ast.Add) else "np.subtract.at(_0, _1, _2)",
                         target.value, target.slice, value)
            if not any(isinstance(n, ast.Slice) for n in ast.walk(target.slice)):
                yield Edit(1.0, "repeated_index", path, [ast.Expr(call)],
                           "`+=` counts an index that occurs twice only once: `np.add.at` adds each")
    else:
        yield Edit(1.05, "overwritten", path, [ast.AugAssign(target, ast.Add(), value)],
                   "`=` overwrites what was there before: `+=` adds to it")
        yield Edit(1.15, "overwritten", path, [ast.AugAssign(target, ast.Sub(), value)], "`-=` is meant")
        if isinstance(target, ast.Subscript):
            yield Edit(1.1, "overwritten", path, [ast.AugAssign(target, ast.Mult(), value)], "`*=` is meant")
    if isinstance(target, ast.Subscript):
        for variant in index_variants(target.slice):
            new_target = ast.Subscript(target.value, variant, ast.Store())
            made = _with_target(statement, new_target)
            yield Edit(1.15, "index", path, [made], f"the index is wrong: {_code(_loaded(new_target))} is meant")


def _insertions(
    path: Path, statement: ast.stmt, name: str, scope: Scope, choices: list[Operand]
) -> Iterator[Edit]:
    """Yield lines that may be missing after one: a division, a term, a mask, the label."""
    held = scope.names.get(name)
    target = ast.Name(name, ast.Store())
    if held is None:
        return
    shape = np.shape(held[0])
    direct = isinstance(target_of(statement), ast.Name) and isinstance(statement, ast.Assign)
    for o in choices:
        other, kind = np.shape(o.values[0]), np.asarray(o.values[0]).dtype.kind
        if name in names_in(o.node):
            continue
        try:
            fits = np.broadcast_shapes(shape, other) == shape
        except ValueError:
            fits = False
        extra = 0.05 if not direct else 0.22  # within the line, if one line makes it
        if fits and kind == "b" and other == shape and shape:
            off = _opposite(o.node)
            new = ast.Assign([ast.Subscript(ast.Name(name, ast.Load()), off, ast.Store())], ast.Constant(0))
            yield Edit(1.25 + o.cost + extra, "mask_missing", path, [statement, new],
                       f"the entries of `{name}` where {_code(off)} are not set to 0", o)
            new = ast.Assign([ast.Subscript(ast.Name(name, ast.Load()), o.node, ast.Store())], ast.Constant(0))
            yield Edit(1.3 + o.cost + extra, "mask_missing", path, [statement, new],
                       f"the entries of `{name}` where {_code(o.node)} are not set to 0", o)
        elif fits and kind in "fi":
            for cost, op, caption, said in (
                (1.2, ast.Div, "divisor_missing", "the division by {o} is missing"),
                (1.2, ast.Mult, "factor_missing", "the factor {o} is missing"),
                (1.25, ast.Add, "term_missing", "the term {o} is missing"),
                (1.25, ast.Sub, "term_missing", "the term {o} is missing, with a minus"),
            ):  # fmt: skip
                if op in (ast.Add, ast.Sub) and not other and shape:
                    continue
                yield Edit(cost + o.cost + extra, caption, path,
                           [statement, ast.AugAssign(target, op(), o.node)], said.format(o=o.text), o)


def _opposite(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        other = {ast.Gt: ast.LtE, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.LtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
        made = other.get(type(node.ops[0]))
        if made is not None:
            return ast.Compare(node.left, [made()], node.comparators)
    return ast.UnaryOp(ast.Invert(), node)


def at_labels(path: Path, statement: ast.stmt, name: str, indices: list[ast.expr]) -> Iterator[Edit]:
    """Yield ``name[label] -= 1`` after a statement, at the places that the loss picks."""
    for index in indices:
        for sign, op in ((1.3, ast.Sub), (1.45, ast.Add)):
            target = ast.Subscript(ast.Name(name, ast.Load()), index, ast.Store())
            new = ast.AugAssign(target, op(), ast.Constant(1))
            yield Edit(sign, "labels", path, [statement, new], f"1 is not subtracted at {_code(_loaded(target))}" if op is ast.Sub else f"1 is not added at {_code(_loaded(target))}")
        new_zero = ast.Assign([ast.Subscript(ast.Name(name, ast.Load()), index, ast.Store())], ast.Constant(0))
        yield Edit(1.5, "labels", path, [statement, new_zero], f"{_code(_loaded(new_zero.targets[0]))} is not set to 0")
        rest = _call("-np.sum(_0, axis=1)", ast.Name(name, ast.Load()))
        new_rest = ast.Assign([ast.Subscript(ast.Name(name, ast.Load()), index, ast.Store())], rest)
        yield Edit(1.55, "labels", path, [statement, new_rest], f"{_code(_loaded(new_rest.targets[0]))} should be what all others of its row sum to, negative")


def of_block(path: Path, body: list[ast.stmt], place: int) -> Iterator[Edit]:
    """Yield another order of the statements after a place, and a statement told of another name."""
    first = body[place]
    for step in range(1, 5):
        if place + step >= len(body):
            break
        other = body[place + step]
        if isinstance(first, ast.Return) or isinstance(other, ast.Return):
            break
        yield Edit(1.3 + 0.05 * step, "order", (*path, (str(place), step)), None,
                   f"the line `{text_of(first)}` comes too early")
        if step > 1:
            yield Edit(1.3 + 0.05 * step, "order", (*path, (str(place), -step)), None,
                       f"the line `{text_of(other)}` comes too late")


def mirrored(statement: ast.stmt, names: set[str]) -> Iterator[ast.stmt]:
    """Yield a statement with W2 for W1 throughout, where all such names are there."""
    used = names_in(statement)
    numbers = {m[1] for n in used if (m := re.search(r"(\d+)$", n))}
    for number in numbers:
        for other in ("1", "2", "3", "4"):
            if other == number:
                continue
            change = {n: n[: -len(number)] + other for n in used if n.endswith(number)}
            if change and set(change.values()) <= names:
                yield _renamed(statement, change)
    pairs = (("W", "b"), ("w", "b"), ("gamma", "beta"))
    for a, b in pairs:
        for one, two in ((a, b), (b, a)):
            change = {n: n.replace(one, two) for n in used if n in (one, f"d{one}")}
            if change and set(change.values()) <= names:
                yield _renamed(statement, change)


def _renamed(statement: ast.stmt, change: dict[str, str]) -> ast.stmt:
    made = copy.deepcopy(statement)
    for node in ast.walk(made):
        if isinstance(node, ast.Name):
            node.id = change.get(node.id, node.id)
    return made


# --- the other way round ---

#: What the repair of a mistake is called that an edit of a kind has made.
INVERSE = {
    "factor_extra": "factor_missing", "divisor_extra": "divisor_missing", "term_extra": "term_missing",
    "factor_missing": "factor_extra", "divisor_missing": "divisor_extra", "term_missing": "term_extra",
    "line_extra": "line_missing", "call_extra": "function", "overwritten": "accumulated",
    "accumulated": "overwritten", "mask_missing": "factor_extra",
}  # fmt: skip


def inverse_said(edit: Edit, old: Any) -> str:
    """Say what is wrong once an edit has been made in right code."""
    swapped = re.fullmatch(r"(`[^`]*`) should be (`[^`]*`)", edit.said)
    if swapped:
        return f"{swapped[2]} should be {swapped[1]}"
    if edit.kind == "line_extra":
        return edit.said.replace(" does not belong there", " is missing")
    if edit.kind in INVERSE and edit.said.endswith("does not belong there"):
        return edit.said.replace("does not belong there", "is missing")
    if edit.kind in INVERSE and edit.said.endswith("is missing"):
        return edit.said.replace("is missing", "does not belong there")
    if edit.kind == "sign":
        return edit.said
    if isinstance(edit.new, ast.expr) and isinstance(old, ast.expr):
        return f"{_code(edit.new)} should be {_code(old)}"
    if isinstance(edit.new, list) and isinstance(old, ast.stmt) and len(edit.new) == 1:
        return f"`{text_of(edit.new[0])}` should be `{text_of(old)}`"
    return edit.said.replace("too early", "too late") if "too early" in edit.said else \
        edit.said.replace("too late", "too early")
