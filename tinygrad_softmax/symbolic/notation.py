"""How single ops are written: sums with their axes, changes of axes, picks, shapes.

Imports `terms` and `align`; `text` asks here for what is no plain call.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from ..core.shapes import normalize_axis
from .expr import Expr
from .terms import is_number


def _reduction(writer: Any, e: Expr) -> ast.expr:
    """Write a sum over axes; every axis needs no mention."""
    (x,) = e.args
    ndim = len(x.shape)
    axis, keepdims = e.setting("axis"), e.setting("keepdims")
    if isinstance(axis, tuple) and len(axis) == ndim and not keepdims:
        axis = None
    if isinstance(axis, tuple) and len(axis) == 1:
        axis = axis[0]
    if isinstance(axis, int) and axis < 0:
        axis += ndim
    elif isinstance(axis, tuple):
        axis = tuple(a % ndim for a in axis)
    keywords = [] if axis is None else [ast.keyword("axis", writer.setting(axis, e))]
    if keepdims:
        keywords.append(ast.keyword("keepdims", ast.Constant(True)))
    function = writer.numpy(e.op.__name__)
    return ast.Call(function, [writer.write(x)], keywords)


def _realign(writer: Any, e: Expr) -> ast.expr:
    """Write a change of axes: a summed axis dropped, a transpose, or new axes."""
    (x,), pattern = e.args, e.setting("pattern")
    used = tuple(p for p in pattern if p is not None)
    if x.op is not None and x.op.kind in ("sum", "max", "min") and (
        used == pattern == tuple(sorted(used)) and x.setting("keepdims") and x not in writer.names
        and not {*used} & {*(axes := normalize_axis(x.setting("axis"), len(x.shape)))}
        and len(used) + len(axes) == len(x.shape)
    ):  # fmt: skip
        settings = tuple((n, False if n == "keepdims" else v) for n, v in x.settings)
        world = writer.algebra.world
        return _reduction(writer, world.make(x.op, x.args, settings, e.shape))
    written: ast.expr = writer.write(x)
    if (
        used == pattern[-len(used) :]
        and used == tuple(range(len(x.shape)))[::-1]
        and len(used) > 1
        and (len(pattern) == len(used))
    ):
        return ast.Attribute(written, "T")
    if used != tuple(sorted(used)):
        order = (*(i for i in range(len(x.shape)) if i not in used), *used)
        written = ast.Call(ast.Attribute(written, "transpose"),
                           [ast.Constant(i) for i in order], [])  # fmt: skip
        x_axes = order
    else:
        x_axes = tuple(range(len(x.shape)))
    parts: list[ast.expr] = []
    rest = list(pattern)
    for axis in x_axes:
        while rest and rest[0] is None:
            parts.append(ast.Constant(None))
            rest.pop(0)
        if axis in used:
            parts.append(ast.Slice())
            rest.pop(0)
        else:
            parts.append(ast.Constant(0))
    parts += [ast.Constant(None) for _ in rest]
    return ast.Subscript(written, ast.Tuple(parts) if len(parts) > 1 else parts[0])


def _getitem(writer: Any, e: Expr) -> ast.expr:
    return ast.Subscript(writer.write(e.args[0]), writer.index(e.setting("index"), e))


def _reshape(writer: Any, e: Expr) -> ast.expr:
    shape = e.setting("shape")
    shape = writer.setting(tuple(shape) if isinstance(shape, (tuple, list)) else (shape,), e)
    assert isinstance(shape, ast.Tuple)
    return ast.Call(ast.Attribute(writer.write(e.args[0]), "reshape"), list(shape.elts), [])


def _transpose(writer: Any, e: Expr) -> ast.expr:
    axes = e.setting("axes")
    written = writer.write(e.args[0])
    if axes is None or tuple(axes) == (1, 0):
        return ast.Attribute(written, "T")
    return ast.Call(ast.Attribute(written, "transpose"), [ast.Constant(a) for a in axes], [])


def _broadcast_to(writer: Any, e: Expr) -> ast.expr:
    shape = writer.setting(e.setting("shape"), e)
    if is_number(e.args[0]):
        value = float(e.args[0].value)
        name = {0.0: "zeros", 1.0: "ones"}.get(value, "full")
        filling: list[ast.expr] = [ast.Constant(value)] if name == "full" else []
        return ast.Call(writer.numpy(name), [shape, *filling], [])
    return ast.Call(writer.numpy("broadcast_to"), [writer.write(e.args[0]), shape], [])


def _concatenate(writer: Any, e: Expr) -> ast.expr:
    parts = ast.Tuple([writer.write(arg) for arg in e.args])
    return ast.Call(writer.numpy("concatenate"), [parts],
                    [ast.keyword("axis", ast.Constant(e.setting("axis")))])  # fmt: skip


def _einsum(writer: Any, e: Expr) -> ast.expr:
    spec = f"{','.join(e.setting('terms'))}->{e.setting('result')}"
    return ast.Call(writer.numpy("einsum"),
                    [ast.Constant(spec), *map(writer.write, e.args)], [])  # fmt: skip


def _astype(writer: Any, e: Expr) -> ast.expr:
    return ast.Call(ast.Attribute(writer.write(e.args[0]), "astype"),
                    [writer.setting(e.setting("dtype"), e)], [])  # fmt: skip


SPECIAL: dict[str, Callable[[Any, Expr], ast.expr]] = {
    "sum": _reduction, "max": _reduction, "min": _reduction, "getitem": _getitem,
    "reshape": _reshape, "transpose": _transpose, "broadcast_to": _broadcast_to,
    "realign": _realign, "concatenate": _concatenate, "einsum": _einsum, "astype": _astype,
    "negative": lambda w, e: ast.UnaryOp(ast.USub(), w.write(e.args[0])),
    "stop_gradient": lambda w, e: w.write(e.args[0]),
    "positive": lambda w, e: w.write(e.args[0]),
}  # fmt: skip
