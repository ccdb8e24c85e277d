"""From a graph to statements: every op as the NumPy call that does it in memory that is there.

A value is written over an operand that is needed no more, or into memory that is free; an op that
has no form here is called as it is. What is chosen depends on sizes and types alone, which are
those of the call.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from keyword import iskeyword
from typing import Any

import numpy as np

from ..core.shapes import normalize_axis
from ..ir.expr import Counted, Expr, Slot, is_number
from ..ir.visit import ordered
from ..ops import choices, elementwise, reductions, shaping
from ..ops.indexing import getitem, scatter
from ..ops.linalg import matmul
from .graph import Graph, Places, bytes_of, parts_of
from .rows import Cut
from .runtime import LARGE, PIECE, add_scaled, inner
from .values import Buffer, Draft, Statement, Value, literal, long_axis, preferred_order

_Lower = Callable[["Lowering", Expr], Value]
_LOWER: dict[Any, _Lower] = {}
_UFUNCS: dict[Any, np.ufunc] = {choices.maximum: np.maximum, choices.minimum: np.minimum}
#: Names that the source gives a meaning of its own.
_RESERVED = {"np", "n", "step", "workspace", "block", "blocks", "rows", "full", "part", "found",
             "float", "slice", "range", "None"}  # fmt: skip
_PAGE = 4096
#: `np.dot` is quicker to call by 0.3 us, but takes longer for large results, by a pass over them.
_SMALL = 1 << 16
#: Rows up to so long are summed by a product with ones, whose order of adding is less careful.
_ROW = 1024


def _lowers(*ops: Any) -> Callable[[_Lower], _Lower]:
    def declare(function: _Lower) -> _Lower:
        _LOWER.update(dict.fromkeys(ops, function))
        return function

    return declare


class Lowering:
    """Makes the statements of one graph.

    Parameters
    ----------
    graph : Graph
        What to compute.
    inputs : dict
        Inputs of the sizes and types that the step is for.
    cut : Cut or None
        How it is cut into blocks of rows.
    """

    def __init__(self, graph: Graph, inputs: dict[str, Any], cut: Cut | None) -> None:
        self.graph, self.inputs, self.cut = graph, inputs, cut
        self.taken = {*_RESERVED, *inputs}
        called = {n: self.name(n) if n in _RESERVED or iskeyword(n) else n for n in inputs}
        self.draft = Draft(called)
        self.nodes = ordered(graph.roots)
        self.users: dict[Expr, list[Expr]] = {}
        for e in self.nodes:
            for arg in {*e.args}:
                self.users.setdefault(arg, []).append(e)
        self.roots = {*graph.roots}
        self.absorbed = self._absorbed()
        self.operands = {e: self._operands(e) for e in self.nodes if e not in self.absorbed}
        self.left: dict[Expr, int] = dict.fromkeys(self.nodes, 0)
        for args in self.operands.values():
            for arg in args:
                self.left[arg] += 1
        for root in graph.roots:
            self.left[root] += 1
        self.memo: dict[Expr, Value] = {}
        self.places: dict[Any, Value] = {}
        self.checked: set[tuple[Expr, int]] = set()
        self.free: dict[Any, list[Buffer]] = {}
        self.section = "after"
        for section in ("before", "rows", "after"):
            self._lower_all([e for e in self.operands if self._section(e) == section])
        self._finish()

    # --- order ---

    def _section(self, e: Expr) -> str:
        """Return where an expression is computed."""
        if self.cut is None:
            return "after"
        if any(arg in self.cut.axis for arg in e.args):
            return "rows"
        section = self.cut.section[e]
        return "before" if e.op is None else section

    def _absorbed(self) -> set[Expr]:
        """Return what is computed together with its only user."""
        found: set[Expr] = set()
        for e in self.nodes:
            for inner_ in (*_summed(e), *_added(e), *_scaled(e)):
                if len(self.users[inner_]) == 1 and inner_ not in self.roots:
                    found.add(inner_)
                    break
        return found

    def _operands(self, e: Expr) -> list[Expr]:
        args: dict[Expr, None] = {}
        for arg in e.args:
            args |= dict.fromkeys(self._operands(arg) if arg in self.absorbed else [arg])
        return [*args]

    def _lower_all(self, nodes: list[Expr]) -> None:
        """Lower nodes; what makes little of much comes as soon as it can."""
        waiting = {e: sum(a not in self.memo for a in self.operands[e]) for e in nodes}
        users: dict[Expr, list[Expr]] = {}
        for e in nodes:
            for arg in self.operands[e]:
                users.setdefault(arg, []).append(e)
        ready = dict.fromkeys(e for e in nodes if not waiting[e])
        while ready:
            small = [e for e in ready if 2 * bytes_of(e) <= max(map(bytes_of, e.args), default=0)]
            e = min(small or ready, key=lambda e: e.serial)
            del ready[e]
            self.section = self._section(e)
            self._lower(e)
            for user in users.get(e, ()):
                waiting[user] -= 1
                if not waiting[user]:
                    ready[user] = None

    def _lower(self, e: Expr) -> None:
        self._check_labels(e)
        value = self._lowered(e)
        if self.cut is not None and self.section == "rows" and e not in self.cut.axis \
                and e.op is not None:  # fmt: skip
            value = self._total(e, value)
        self.memo[e] = value
        for buffer in value.aliases:
            buffer.live += 1
        for arg in self.operands[e]:
            self._used(arg)

    def _used(self, e: Expr) -> None:
        """Note a use of a value; after the last one its memory is free."""
        if self.section == "rows" and self._section(e) == "before":
            return  # the next block uses it again
        self.left[e] -= 1
        if not self.left[e]:
            for buffer in self.memo[e].aliases:
                buffer.live -= 1
                if not buffer.live:
                    self.free.setdefault(buffer.key, []).append(buffer)

    def last(self, e: Expr) -> bool:
        """Whether the expression being lowered is the last to use another one."""
        between = self.section == "rows" and self._section(e) == "before"
        return self.left[e] == 1 and not between

    # --- names and memory ---

    def name(self, wanted: str) -> str:
        """Return a name that is not taken."""
        if not wanted.isidentifier() or iskeyword(wanted):
            wanted = "value"
        made, i = wanted, 2
        while made in self.taken:
            made, i = f"{wanted}_{i}", i + 1
        self.taken.add(made)
        return made

    def label(self, e: Expr) -> str:
        """Return the name for a value: the user's, or that of its op."""
        return self.name(self.graph.names.get(e) or e.op.__name__.strip("_"))

    def rows(self, e: Expr) -> int | None:
        """Return the axis that is cut into blocks."""
        return None if self.cut is None else self.cut.axis.get(e)

    def shape(self, e: Expr) -> tuple[int, ...]:
        """Return the shape; of rows that are cut into blocks, that of one block."""
        rows = self.rows(e)
        block = self.cut.block if self.cut is not None else 0
        return tuple(block if i == rows else int(n) for i, n in enumerate(e.shape))

    def sizes(self, e: Expr) -> str:
        """Return the shape as written, the number of rows of a block being ``n``."""
        parts = ["n" if i == self.rows(e) else str(int(n)) for i, n in enumerate(e.shape)]
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"

    def array(self, e: Expr, order: str = "", over: Value | None = None) -> Value:
        """Return memory for a value: that of `over`, or of what is needed no more, or new."""
        shape, rows = self.shape(e), self.rows(e)
        axis = long_axis(shape, rows)
        access = "{}"
        if axis is not None:
            access = f"{{}}[{', '.join(':' if i == axis else 'None' for i in range(len(shape)))}]"
            shape, rows, order = shape[axis : axis + 1], 0 if rows == axis else None, "C"
        buffer = over.buffer if over is not None else None
        if buffer is None:
            made = Buffer("", shape, e.dtype, order or self.order(shape, rows), self.section, rows)
            known = self.free.get(made.key)
            if known:
                buffer = known.pop()
            else:
                buffer = made
                buffer.name = self.label(e)
                self.draft.buffers.append(buffer)
        return Value(access, self.shape(e), e.dtype, buffer, (buffer,), whole=True)

    def order(self, shape: tuple[int, ...], rows: int | None) -> str:
        """Return how an array should lie in memory."""
        return preferred_order(shape) if rows in (0, None) else "C"

    def over(self, e: Expr) -> Value | None:
        """Return an operand in whose place a result may be written, entry by entry."""
        for arg in self.operands[e]:
            value = self.memo[arg]
            if (
                value.whole
                and value.buffer is not None
                and value.buffer.live == 1
                and self.last(arg)
                and value.shape == self.shape(e)
                and value.dtype == e.dtype
                and value.buffer.section == self.section
                and self.rows(arg) == self.rows(e)
            ):
                return value
        return None

    def do(self, code: str, *args: Value, out: Value | None = None) -> None:
        """Add a statement."""
        self.draft.statements.append(Statement(code, args, self.section, out))

    def object(self, value: Any, name: str) -> str:
        """Return the name under which the source can refer to an object."""
        for known, held in self.draft.objects.items():
            if held is value:
                return known
        made = self.name(name)
        self.draft.objects[made] = value
        return made

    def constant(self, code: str, name: str, per_block: bool) -> str:
        """Return the name of an array that is made once."""
        for known, made in self.draft.constants.items():
            if made == (code, per_block):
                return known
        made_name = self.name(name)
        self.draft.constants[made_name] = (code, per_block)
        return made_name

    def ones(self, value: Value, n: str) -> str:
        """Return the name of a vector of ones."""
        kind = self.object(value.dtype, value.dtype.name)
        return self.constant(f"np.ones({n}, {kind})", "ones", n == "n")

    def local(self, e: Expr, code: str, *args: Value, own: bool = False) -> Value:
        """Add a statement that makes a value of its own; `own` if it shares no memory."""
        name = self.label(e)
        shape = self.shape(e)
        aliases = () if own or not shape else tuple({b for a in args for b in a.aliases})
        made = Value(name, shape, e.dtype, aliases=aliases, own=own, weak=e.weak, base=name)
        self.draft.variables[name] = self.section
        self.do(f"{name} = {code}", *args)
        return made

    def view(self, value: Value, access: str, e: Expr) -> Value:
        """Return another way to look at a value."""
        text = access.replace("{}", value.text)
        return Value(text, self.shape(e), e.dtype, value.buffer, value.aliases, own=value.own,
                     base=value.base)  # fmt: skip

    # --- one expression ---

    def _lowered(self, e: Expr) -> Value:
        if e.op is None:
            return self._leaf(e)
        if e.op in _LOWER:
            return _LOWER[e.op](self, e)
        ufunc = _UFUNCS.get(e.op, e.op.numpy)
        if isinstance(ufunc, np.ufunc) and not e.settings and ufunc.nin == len(e.args) \
                and ufunc.nout == 1 and ufunc.signature is None:  # fmt: skip
            return self.elementwise(e, ufunc)
        return self.call(e)

    def _leaf(self, e: Expr) -> Value:
        if is_number(e):
            return self._number(e)
        label = str(e.label)
        if e.value is None or label in self.inputs:
            name = self.draft.inputs[label]
            dtype = np.asarray(self.inputs[label]).dtype
            made = Value(name, self.shape(e), dtype, own=False, weak=e.weak, base=name)
        elif isinstance(e.value, np.ndarray):
            name = self.object(e.value, "constant")
            made = Value(name, self.shape(e), e.value.dtype, own=False, base=name)
        else:
            return self._number_of(int(e.value), e.dtype, True)
        rows = self.rows(e)
        if rows is not None:
            self.draft.sliced[name] = rows
        return made

    def _number(self, e: Expr) -> Value:
        number = e.value.item() if e.weak else e.value[()]
        return self._number_of(number, e.dtype, e.weak)

    def _number_of(self, number: Any, dtype: Any, weak: bool) -> Value:
        text = literal(number) if weak else None
        if text is None:
            text = self.object(number, "number")
        return Value(text, (), dtype, number=number, weak=weak, own=False)

    def plain(self, values: list[Value]) -> list[Value]:
        """Return operands with numbers as literals where the others are of double precision too."""
        double = np.dtype(float)
        strong = [v for v in values if v.number is None]
        if not strong or any(v.dtype != double or v.weak for v in strong):
            return values
        return [
            Value(literal(float(v.number)) or v.text, (), v.dtype, number=v.number, weak=True)
            if v.number is not None and not v.weak and v.dtype == double else v
            for v in values
        ]  # fmt: skip

    def elementwise(self, e: Expr, ufunc: np.ufunc) -> Value:
        """Compute a ufunc of operands."""
        args = self.plain([self.memo[arg] for arg in e.args])
        code = f"np.{ufunc.__name__}({', '.join(['{}'] * len(args))}"
        if not e.shape:
            symbol = e.op.symbol
            if symbol in ("+", "-", "*", "/") or (e.weak and symbol):
                return self.local(e, f"{{}} {symbol} {{}}", *args)
            if e.weak and e.op is elementwise.negative:
                return self.local(e, "-{}", *args)
            return self.local(e, code + ")", *args)
        out = self.array(e, self._order_of(args), self.over(e))
        self.do(code + ", out={out})", *args, out=out)
        return out

    def _order_of(self, args: list[Value]) -> str:
        """Return how the largest operand lies in memory."""
        large = [v for v in args if v.order and len(v.shape) > 1 and v.buffer is not None
                 and len(v.buffer.shape) > 1]  # fmt: skip
        return max(large, key=lambda v: v.size).order if large else ""

    def call(self, e: Expr) -> Value:
        """Compute an op that has no form of its own here, by its own function."""
        forward = self.object(e.op.forward, e.op.__name__.strip("_"))
        args = [self.memo[arg] for arg in e.args]
        parts = ["{}" if e.op.elementwise or v.shape or not v.weak else "np.asarray({})"
                 for v in args[: len(e.inputs)]]  # fmt: skip
        slots: list[Value] = args[: len(e.inputs)]
        for name, value in e.settings:
            parts.append(f"{name}={self._setting(value, args, slots)}")
        return self.local(e, f"{forward}({', '.join(parts)})", *slots)

    def _setting(self, value: Any, args: list[Value], slots: list[Value]) -> str:
        """Return a setting as written; operands that stand in it are added to `slots`."""
        if isinstance(value, Slot):
            slots.append(args[value.operand])
            return "{}"
        if isinstance(value, Counted):
            return self.constant(f"np.arange({int(value.size)})", "row_numbers", False)
        if isinstance(value, slice):
            parts = [None if p is None else int(p) for p in (value.start, value.stop, value.step)]
            return f"slice({', '.join(map(repr, parts))})"
        if isinstance(value, (tuple, list)):
            inside = [self._setting(part, args, slots) for part in value]
            return f"({', '.join(inside)}{',' if len(inside) == 1 else ''})"
        if value is Ellipsis:
            return "..."
        if value is None or isinstance(value, (bool, str)):
            return repr(value).replace("{", "{{").replace("}", "}}")
        if isinstance(value, (int, np.integer)):
            return repr(int(value))
        return self.object(value, "setting")

    def _check_labels(self, e: Expr) -> None:
        """Leave the step where a label is out of range: the loss itself says what is wrong."""
        section = self.section
        for operand, size in _index_sizes(e):
            arg = e.args[operand]
            self.section = "before" if arg.op is None else section
            value = self.memo.get(arg)
            if value is None or (arg, size) in self.checked or value.dtype.kind == "b":
                continue
            self.checked.add((arg, size))
            if not value.shape:
                self.do(f"if not 0 <= {{}} < {size}:\n    return None", value)
                continue
            seen = "{}"
            if value.dtype.kind == "i":  # a negative label is a huge one
                kind = np.dtype(f"u{value.dtype.itemsize}")
                seen += f".view({self.object(kind, kind.name)})"
            axis = ", axis=None" if len(value.shape) > 1 else ""
            self.do(f"if np.maximum.reduce({seen}{axis}) >= {size}:\n    return None", value)
        self.section = section

    def _total(self, e: Expr, value: Value) -> Value:
        """Add up what the blocks of rows contribute."""
        if not value.shape:
            name = self.name(f"sum_of_{value.text}")
            made = Value(name, (), e.dtype, base=name)
        else:
            assert value.buffer is not None
            part = value.buffer
            name = self.name(f"all_{part.name}")
            whole = Buffer(name, part.shape, part.dtype, part.order, "after")
            made = Value(value.text, value.shape, e.dtype, whole, (whole,), whole=True)
        self.draft.totals.append((made, value))
        return made

    # --- the results ---

    def _finish(self) -> None:
        """Decide in which memory the results are handed out."""
        self.section = "after"
        draft = self.draft
        seen: set[Buffer] = set()
        for name, e in self.graph.gradients.items():
            if e is None:
                array = np.asarray(self.inputs[name])
                kind = self.object(array.dtype, array.dtype.name)
                draft.results[name] = Value(f"np.zeros({array.shape}, {kind})", (), array.dtype)
                continue
            value = self.memo[e]
            buffer = value.buffer
            if buffer is not None and value.own and buffer not in seen and e.dtype == value.dtype \
                    and buffer.section == "after" and len(value.aliases) == 1:  # fmt: skip
                seen.add(buffer)
                buffer.returned = True
                draft.results[name] = value
            elif value.shape and value.own and buffer is None and not value.aliases \
                    and sum(g is e for g in self.graph.gradients.values()) == 1:  # fmt: skip
                draft.results[name] = value
            else:
                kind = self.object(e.dtype, e.dtype.name)
                copied = self.name(f"d{name}")
                code = f"{copied} = np.array({{}}, {kind}, order='C')"
                self.do(code, value)
                draft.results[name] = Value(copied, value.shape, e.dtype)
        draft.loss = self.memo[self.graph.loss]


# --- patterns ---


def _summed(e: Expr) -> list[Expr]:
    """Return the product of two arrays of which the sum is taken over every entry."""
    if e.op is not reductions.sum or e.shape or e.setting("dtype") is not None:
        return []
    x = e.args[0]
    if x.op not in (elementwise.multiply, elementwise.square) or x.dtype.kind != "f":
        return []
    same = all(a.shape == x.shape and a.dtype == x.dtype and not a.weak for a in x.args)
    return [x] if same and x.shape else []


def _added(e: Expr) -> list[Expr]:
    """Return the scatter that is added to something else."""
    if e.op is not elementwise.add:
        return []
    return [a for a, b in (e.args, e.args[::-1])
            if a.op is scatter and Places.of(a) is not None and a.shape == e.shape and a is not b
            and a.dtype == e.dtype == b.dtype]  # fmt: skip


def _scaled(e: Expr) -> list[Expr]:
    """Return the product of a scalar and a large array that is added to something else."""
    if e.op is not elementwise.add or math.prod(map(int, e.shape)) < LARGE:
        return []
    return [a for a, b in (e.args, e.args[::-1])
            if a.op is elementwise.multiply and a.shape == b.shape == e.shape
            and a.dtype == b.dtype == e.dtype and a is not b
            and any(not s.shape and x.shape == e.shape and x.dtype == e.dtype
                    for s, x in (a.args, a.args[::-1]))]  # fmt: skip


def _index_sizes(e: Expr) -> list[tuple[int, int]]:
    """Return the operands that stand in an index, with the sizes of the axes they pick from."""
    name = next((n for n, _ in e.settings if n == "index"), None)
    if name is None or len(e.args) == len(e.inputs):
        return []
    shape = e.setting("into") if e.op is scatter else e.args[0].shape
    parts = parts_of(e.setting("index"))
    after = 0
    if any(part is Ellipsis for part in parts):
        place = next(i for i, part in enumerate(parts) if part is Ellipsis)
        after = sum(part is not None for part in parts[place + 1 :])
    found, axis = [], 0
    for part in parts:
        if part is Ellipsis:
            axis = len(shape) - after
        elif part is not None:
            if isinstance(part, Slot):
                found.append((part.operand, int(shape[axis])))
            axis += 1
    return found


# --- ops with a form of their own ---


@_lowers(elementwise.add)
def _add(low: Lowering, e: Expr) -> Value:
    for inner_ in e.args:
        if inner_ in low.absorbed:
            rest = e.args[0] if inner_ is e.args[1] else e.args[1]
            if inner_.op is scatter:
                return _add_picked(low, e, inner_, rest)
            return _add_scaled(low, e, inner_, rest)
    return low.elementwise(e, np.add)


def _onto(low: Lowering, e: Expr, rest: Expr, order: str = "") -> Value:
    """Return memory that holds one summand, for the other to be added."""
    value = low.memo[rest]
    if value.shape == low.shape(e) and value is low.over(e):
        return low.array(e, order, value)
    out = low.array(e, order or low._order_of([value]))
    low.do("np.copyto({out}, {})", value, out=out)
    return out


def _add_picked(low: Lowering, e: Expr, picked: Expr, rest: Expr) -> Value:
    """Add numbers to one entry of each row, in place."""
    low._check_labels(picked)
    return _put(low, picked, _onto(low, e, rest))


def _put(low: Lowering, picked: Expr, out: Value) -> Value:
    values = low.memo[picked.args[0]]
    places = _places(low, picked, out)
    if values.number is not None:
        values = low.plain([values, out])[0]
    low.do("{out}[{}] += {}", places, values, out=_flat(out))
    return out


@_lowers(scatter)
def _scatter(low: Lowering, e: Expr) -> Value:
    if Places.of(e) is None or long_axis(low.shape(e), low.rows(e)) is not None:
        return low.call(e)
    out = low.array(e)
    low.do("{out}.fill(0)", out=out)
    return _put(low, e, out)


def _add_scaled(low: Lowering, e: Expr, product: Expr, rest: Expr) -> Value:
    """Add a scalar times an array, a piece at a time."""
    a, b = product.args
    scalar, array = (b, a) if a.shape == e.shape and not b.shape else (a, b)
    held = low.memo[array]
    out = _onto(low, e, rest)
    assert out.buffer is not None
    row = max(min(out.size // max(out.shape[0], 1), PIECE), 1)
    size = min(PIECE, row * max(LARGE // 4 // row, 1)) if out.size < PIECE else PIECE
    kind = low.object(e.dtype, e.dtype.name)
    scratch = low.constant(f"np.empty({size}, {kind})", "scratch", False)
    function = low.object(add_scaled, "add_scaled")
    sides = (_turned(out), _turned(held)) if out.order == "F" else (out, held)
    low.do(f"{function}({{out}}, {{}}, {{}}, {scratch})", sides[1], low.memo[scalar], out=sides[0])
    return out


def _turned(value: Value) -> Value:
    """Return a matrix with its axes the other way round."""
    text = value.text[:-2] if value.text.endswith(".T") else value.text + ".T"
    return replace(value, text=text, shape=value.shape[::-1], whole=False)


def _flat(value: Value) -> Value:
    """Return all entries of a matrix along one axis, as they lie in memory."""
    flip = ".T" if value.order == "F" else ""
    return Value(value.text + flip + ".reshape(-1)", (value.size,), value.dtype, value.buffer,
                 value.aliases)  # fmt: skip


def _places(low: Lowering, e: Expr, matrix: Value) -> Value:
    """Return where in memory the entries lie that labels pick from each row."""
    label = e.args[e.setting("index")[1].operand]
    n, k = (e.setting("into") if e.op is scatter else e.args[0].shape)[:2]
    by_column = matrix.order == "F"
    if (label, int(k), by_column) in low.places:
        return low.places[label, int(k), by_column]
    cut = low.cut is not None and label in low.cut.axis
    count = "n" if cut else str(int(n))
    name = low.name("places")
    kind = low.object(np.dtype(np.intp), "intp")
    low.draft.constants[name] = (f"np.empty({count}, {kind})", cut)
    out = Value(name, low.shape(label), np.dtype(np.intp), own=False)
    y = low.memo[label]
    extra = "" if y.dtype == np.intp else f", dtype={kind}, casting='unsafe'"
    if by_column:
        starts = low.constant(f"np.arange({count})", "row_numbers", cut)
        low.do(f"np.multiply({{}}, {count}, out={name}{extra})", y)
        low.do(f"np.add({name}, {starts}, out={name})")
    else:
        starts = low.constant(f"np.arange({count}) * {int(k)}", "starts", cut)
        low.do(f"np.add({{}}, {starts}, out={name}{extra})", y)
    low.places[label, int(k), by_column] = out
    return out


@_lowers(getitem)
def _getitem(low: Lowering, e: Expr) -> Value:
    x = low.memo[e.args[0]]
    if Places.of(e) is not None:
        if x.whole and x.order and x.buffer is not None and len(x.buffer.shape) == 2:
            places = _places(low, e, x)
            out = low.array(e)
            low.do("{}.take({}, mode='clip', out={out})", _flat(x), places, out=out)
            return out
        count = "n" if low.rows(e) is not None else str(int(e.shape[0]))
        rows = low.constant(f"np.arange({count})", "row_numbers", count == "n")
        label = low.memo[e.args[e.setting("index")[1].operand]]
        return low.local(e, f"{{}}[{rows}, {{}}]", x, label, own=True)
    parts = parts_of(e.setting("index"))
    basic = all(part is None or part is Ellipsis or (isinstance(part, (int, np.integer, slice))
                and not isinstance(part, bool)) for part in parts)  # fmt: skip
    if not basic or not x.shape or not e.shape:
        return low.call(e)
    code = ", ".join(":" if part == slice(None) else low._setting(part, [], []) for part in parts)
    code = code.replace("slice(None, None, None)", ":")
    return low.view(x, f"{{}}[{code}{',' if len(parts) == 1 else ''}]", e)


@_lowers(shaping.reshape)
def _reshape(low: Lowering, e: Expr) -> Value:
    x = low.memo[e.args[0]]
    if not x.shape or not e.shape:
        return low.call(e)
    buffer, shape, rows = x.buffer, low.shape(e), low.rows(e)
    if x.whole and buffer is not None and len(buffer.shape) == 1 \
            and (len(shape) == 1 or long_axis(shape, rows) is not None):  # fmt: skip
        axis = long_axis(shape, rows) or 0
        parts = [":" if i == axis else "None" for i in range(len(shape))]
        access = f"{{}}[{', '.join(parts)}]" if len(shape) > 1 else "{}"
        return Value(access, shape, e.dtype, buffer, (buffer,), whole=True)
    code = f"{{}}.reshape({low.sizes(e)})"
    if x.whole and x.order == "C":
        return low.view(x, code, e)
    return low.local(e, code, x)  # a view or a copy, as it comes


@_lowers(shaping.transpose)
def _transpose(low: Lowering, e: Expr) -> Value:
    x, axes = low.memo[e.args[0]], e.setting("axes")
    ndim = len(e.shape)
    order = tuple(range(ndim))[::-1] if axes is None else normalize_axis(axes, ndim)
    if ndim == 2 and order == (1, 0):
        return _turned(x)
    return low.view(x, f"{{}}.transpose({', '.join(map(str, order))})", e)


@_lowers(shaping.broadcast_to)
def _broadcast_to(low: Lowering, e: Expr) -> Value:
    x = low.memo[e.args[0]]
    if x.shape and x.buffer is not None:
        made = low.view(x, f"np.broadcast_to({{}}, {low.sizes(e)})", e)
        made.own = False
        return made
    return low.local(e, f"np.broadcast_to({{}}, {low.sizes(e)})", x)


@_lowers(choices.where)
def _where(low: Lowering, e: Expr) -> Value:
    if not e.shape:
        return low.call(e)
    mask, x, y = (low.memo[arg] for arg in e.args)
    if mask.dtype.kind != "b":
        return low.call(e)
    over = low.over(e)
    if over is x and over is not y:
        out = low.array(e, "", over)
        inverse = low.name("other")
        low.do(f"{inverse} = np.logical_not({{}})", mask)
        low.do(f"np.copyto({{out}}, {{}}, where={inverse})", y, out=out)
        return out
    out = low.array(e, low._order_of([x, y, mask]), over if over is y else None)
    if over is not y or out.buffer is not y.buffer:
        low.do("np.copyto({out}, {})", y, out=out)
    low.do("np.copyto({out}, {}, where={})", x, mask, out=out)
    return out


@_lowers(elementwise.astype)
def _astype(low: Lowering, e: Expr) -> Value:
    if not e.shape:
        return low.call(e)
    x = low.memo[e.args[0]]
    out = low.array(e, low._order_of([x]))
    low.do("np.copyto({out}, {}, casting='unsafe')", x, out=out)
    return out


@_lowers(reductions.sum)
def _sum(low: Lowering, e: Expr) -> Value:
    x = e.args[0]
    if x.dtype.kind != "f" or e.setting("dtype") is not None or not x.shape:
        return low.call(e)
    axes = normalize_axis(e.setting("axis"), len(x.shape))
    if x in low.absorbed:
        a, b = (low.memo[arg] for arg in (x.args * 2)[:2])
        return _inner(low, e, a, b)
    value = low.memo[x]
    vector = value.whole and value.buffer is not None and len(value.buffer.shape) == 1
    if vector and len(axes) == len(x.shape) and x.dtype == np.float64:
        assert value.buffer is not None
        flat = Value("{}", value.buffer.shape, value.dtype, value.buffer, value.aliases)
        count = "n" if value.buffer.rows is not None else str(value.size)
        if not e.shape:
            return low.local(e, f"{{}}.dot({low.ones(value, count)})", flat)
    if not e.shape:
        return low.local(e, "np.add.reduce({}, axis=None)", value)
    matrix = value.whole and value.buffer is not None and len(value.buffer.shape) == 2
    if matrix and len(axes) == 1 and value.order == "C" and (axes == (0,) or value.shape[1] <= _ROW
                                                           or x.dtype == np.float64):  # fmt: skip
        out = low.array(e)
        count = "n" if low.rows(x) == axes[0] else str(value.shape[axes[0]])
        ones = low.ones(value, count)
        flat = Value("{}", (), e.dtype, out.buffer, out.aliases)
        code = f"np.dot({{}}, {ones}" if axes == (1,) else f"np.dot({ones}, {{}}"
        low.do(code + ", out={out})", value, out=flat)
        return out
    return _reduced(low, e, "np.add.reduce", value, axes)


def _inner(low: Lowering, e: Expr, a: Value, b: Value) -> Value:
    if a.dtype == np.float32 and a.size > LARGE:
        return low.local(e, f"{low.object(inner, 'inner')}({{}}, {{}})", a, b)
    if len(a.shape) == 1:
        return low.local(e, "{}.dot({})", a, b)
    if a.order == b.order == "F":
        a, b = _turned(a), _turned(b)
    return low.local(e, "np.vdot({}, {})", a, b)


def _reduced(low: Lowering, e: Expr, call: str, value: Value, axes: tuple[int, ...]) -> Value:
    out = low.array(e)
    keep = bool(e.setting("keepdims"))
    flat = out
    assert out.buffer is not None
    if len(value.shape) == 2 and len(axes) == 1 and len(out.buffer.shape) == 1:
        flat, keep = Value("{}", (), e.dtype, out.buffer, out.aliases), False
    which = str(axes[0] if len(axes) == 1 else axes)
    low.do(f"{call}({{}}, axis={which}{', keepdims=True' if keep else ''}, out={{out}})", value,
           out=flat)  # fmt: skip
    return out


@_lowers(reductions.max, reductions.min)
def _extreme(low: Lowering, e: Expr) -> Value:
    value = low.memo[e.args[0]]
    call = "np.maximum.reduce" if e.op is reductions.max else "np.minimum.reduce"
    if not e.shape:
        return low.call(e)
    axes = normalize_axis(e.setting("axis"), len(value.shape))
    return _reduced(low, e, call, value, axes)


@_lowers(matmul)
def _matmul(low: Lowering, e: Expr) -> Value:
    a, b = (low.memo[arg] for arg in e.args)
    if not e.shape or e.dtype.kind != "f":
        return low.call(e)
    if (
        len(a.shape) != 2
        or len(b.shape) != 2
        or a.dtype != b.dtype
        or long_axis(e.shape) is not None
    ):
        out = low.array(e, "C")
        low.do("np.matmul({}, {}, out={out})", a, b, out=out)
        return out
    out = low.array(e, "F" if _sums_long_rows(e, a, b) else "")
    if out.size * out.dtype.itemsize > _SMALL:
        low.do("np.matmul({}, {}, out={out})", a, b, out=out)
    elif out.order == "F":
        low.do("np.dot({}, {}, out={out})", _turned(b), _turned(a), out=_turned(out))
    else:
        low.do("np.dot({}, {}, out={out})", a, b, out=out)
    return out


def _sums_long_rows(e: Expr, a: Value, b: Value) -> bool:
    """Whether ``X.T @ d`` is quicker as ``(d.T @ X).T``.

    It is if d lies that way, or if rows of X are a page of memory each: then by up to 40 %.
    """
    if e.args[0].op is not shaping.transpose or not a.text.endswith(".T"):
        return False
    wide = a.shape[0] * a.dtype.itemsize >= _PAGE and 4 * b.shape[1] <= a.shape[0]
    return wide or b.order == "F"
