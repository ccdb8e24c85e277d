"""What the gradient rules do, in the user's names: sentences with shapes, and formulas.

A rule's docstring speaks of ``g``, ``out`` and the arguments of its op between backticks; here
these become the user's own. What depends on shapes and axes, and so cannot be said by a docstring,
is said here: sums along an axis, matrix products, operands that were repeated.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..core.op import Edge
from ..core.shapes import normalize_axis
from ..ops import choices, elementwise, indexing, linalg, reductions, shaping
from .expr import Expr, is_number, updated
from .print_latex import latex_statement
from .print_numpy import Printer
from .program import Assign, InPlace, Program, Size, Statement, assigned
from .sizes import Dim
from .visit import evaluate, ordered

#: What the three gates of CS231n do to a gradient.
GATES = {
    elementwise.add: "Addition distributes the gradient",
    choices.maximum: "The maximum routes the gradient",
    choices.minimum: "The minimum routes the gradient",
    reductions.max: "The maximum routes the gradient",
    reductions.min: "The minimum routes the gradient",
    elementwise.multiply: "Multiplication swaps its factors",
}  # fmt: skip


class Formula(NamedTuple):
    """A line of code, and the same in LaTeX."""

    text: str
    latex: str


class Hand:
    """Writes expressions and lines by the user's names.

    Parameters
    ----------
    names : dict
        Expressions that have a name, and what it is. May be changed between two calls.
    variables : set of str
        The inputs and the variables of the code.
    sizes : dict
        What the sizes by name are; shapes are shown in these numbers.
    """

    def __init__(self, names: dict[Expr, str], variables: set[str],
                 sizes: Mapping[str, Any]) -> None:  # fmt: skip
        self.names, self.sizes = names, dict(sizes)
        self.printer = Printer(names, variables)
        self.taken = {*variables, "np"}
        self.chosen: dict[Expr, str] = {}  # values that the code has no name for, and theirs
        #: index letters for example, feature and class, and another class; none is a variable
        self.letters = {letters[0]: next(letter for letter in letters if letter not in self.taken)
                        for letters in ("inrst", "dfmuv", "kcqow", "jlhpz")}  # fmt: skip

    def definitions(self, text: str, whole: bool = True) -> list[Formula]:
        """Return the lines of the values that have got a name here, as far as a text needs them.

        If not `whole`, what these lines need themselves is left out.
        """
        found: list[Formula] = []
        words = {*re.findall(r"\w+", text)}
        for e, name in sorted(self.chosen.items(), key=lambda item: -item[0].serial):
            if name in words:
                others = {k: n for k, n in self.names.items() if k is not e}
                line = f"{name} = {self.defined(e)}"
                found.append(Formula(line, latex_statement(Assign(name, e), others)))
                words |= {*re.findall(r"\w+", line)} if whole else set()
        return found[::-1]

    def shape(self, e: Expr) -> tuple[int, ...]:
        """Return the shape of an expression in numbers."""
        return tuple(int(evaluate([n.expr], self.sizes)[0]) if isinstance(n, Dim) else int(n)
                     for n in e.shape)  # fmt: skip

    def choose_names(self, nodes: Iterable[Expr], longest: int) -> None:
        """Give a name to what is written as an update, and to what is longer than `longest`."""
        for e in nodes:
            if e.op is None or e in self.names or e in e.world.calls:
                continue
            if is_placed(e) or (e.tracked and len(self.text(e)) > longest):
                self.choose_name(e)

    def choose_name(self, e: Expr, wish: str = "") -> None:
        """Give a value a name by what it is: ``sum_exp_scores``; a layer is called z."""
        if wish:
            self.chosen[e] = self.names[e] = self.unused(wish)
            return
        inside = e
        while inside is e or (inside.op is not None and inside not in self.names):
            inside = next((a for a in inside.args if a.tracked), inside.args[0])
        near = self.text(inside)
        sums = e.op in (elementwise.add, elementwise.subtract)
        layer = e.op is linalg.matmul or (sums and any(
            arg.op is linalg.matmul and arg not in self.names for arg in e.args))  # fmt: skip
        wish = "z" if layer else f"{e.op.noun}_{near}" if near.isidentifier() else e.op.noun
        name = self.unused(wish if wish.isidentifier() else "value")
        self.chosen[e] = self.names[e] = name

    def name_placed(self, e: Expr) -> None:
        """Give a name to what is written as an update within an expression."""
        for inner in ordered([self.tidied(e)], self.names):
            if is_placed(inner) and inner not in self.names:
                self.choose_name(inner)

    def unused(self, name: str) -> str:
        """Return a name that nothing else has, and take it: ``dW``, else ``dW2``, ..."""
        while name in self.taken:
            head = name.rstrip("0123456789")
            name = f"{head}{int(name[len(head) :] or 1) + 1}"
        self.taken.add(name)
        return name

    def text(self, e: Expr) -> str:
        """Return the source of an expression."""
        return self.printer.text(_whole(self.tidied(e)))

    def tidied(self, e: Expr) -> Expr:
        """Return an expression without factors of 1, exponents of 1 and shapes that are there."""
        known: dict[Expr, Expr] = {}
        for node in ordered([e], self.names):
            if node in self.names or node.op is None or node in node.world.calls:
                known[node] = node
                continue
            args = tuple(known[arg] for arg in node.args)
            same = all(a is b for a, b in zip(args, node.args, strict=True))
            known[node] = _tidied(node if same else node.world.make(
                node.op, args, node.settings, node.shape))  # fmt: skip
        return known[e]

    def defined(self, e: Expr) -> str:
        """Return the source of a value by what it was computed from; updates after a semicolon."""
        if e.op is None or e in e.world.calls:
            others = {k: n for k, n in self.names.items() if k is not e}
            return Printer(others, self.printer.taken).text(e)
        if is_placed(e):
            name = self.names[e]
            first, *updates = [line.text for line in self.written(assigned(name, e, "forward"))]
            return "; ".join([first.removeprefix(f"{name} = "), *updates])
        return _unparsed(self.printer.defined(e))

    def described(self, e: Expr) -> str:
        """Return a value with its shape, as in ```b` (1, 3)``."""
        return f"`{self.text(e)}`{f' {self.shape(e)}' * bool(e.shape)}"

    def lines(self, target: str, parts: list[Expr], like: Expr) -> Iterator[Formula]:
        """Yield the lines that add up the parts of a gradient in `target`."""
        parts = [self.tidied(part) for part in parts]
        nested = {n for part in parts for n in ordered([part], self.names) if n is not part}
        for inner in ordered(parts, self.names):
            alone = inner.op is indexing.scatter or len(parts) == 1
            if is_placed(inner) and inner not in self.names and (inner in nested or not alone):
                name = self.unused(f"{target}_part")
                yield from self.written(assigned(name, inner, "gradient"))
                self.names[inner] = name
        dense = [part for part in parts if not is_placed(part) or part in self.names]
        placed = [part for part in parts if is_placed(part) and part not in self.names]
        if not dense:
            yield from self.written(assigned(target, placed.pop(0), "gradient"))
        else:
            total = self.tidied(sum(dense[1:], start=dense[0]))
            if placed and tuple(total.shape) != tuple(like.shape):
                total = like.world.lift(np.broadcast_to(total, like.shape))
            yield from self.written(assigned(target, total, "gradient"), bool(placed))
        for part in placed:
            yield from self.written(assigned(target, part, "gradient")[1:])

    def written(self, statements: Iterable[Statement], changed: bool = False) -> Iterator[Formula]:
        """Yield statements as they are written; `changed` if the first is written to later."""
        statements = [*statements]
        changed = changed or len(statements) > 1
        for statement in statements:
            typeset = latex_statement(statement, self.names)
            if isinstance(statement, InPlace):
                yield Formula(self._update(statement), typeset)
                continue
            value: Expr = statement.value  # type: ignore[union-attr] # a Size is none of these
            text = self.text(value)
            new = value.op is shaping.broadcast_to and is_number(value.args[0])
            view = value in self.names or value.op is None or (value.op.moves_entries and not new)
            if changed and view:
                text = f"{text}.copy()" if text.isidentifier() else f"({text}).copy()"
            yield Formula(f"{statement.target} = {text}", typeset)

    def _update(self, statement: InPlace) -> str:
        printer = self.printer
        value = printer.text(statement.value)
        if statement.index is None:
            return f"{statement.target} {statement.operator} {value}"
        index = self.index(statement)
        if statement.at:
            ufunc = "add" if statement.operator == "+=" else "subtract"
            inside = f"np.s_{index}" if ":" in index else f"({index[1:-1]})"
            return f"np.{ufunc}.at({statement.target}, {inside}, {value})"
        return f"{statement.target}{index} {statement.operator} {value}"

    def index(self, statement: InPlace) -> str:
        """Return the index of an update, with its brackets."""
        index = self.printer.index(statement.index, statement)
        return _unparsed(ast.Subscript(ast.Name("_"), index))[1:]


def names_of(program: Program) -> dict[Expr, str]:
    """Return what the values of the forward pass are called where the gradients begin."""
    names: dict[Expr, str] = {}
    for statement in program.statements:
        if isinstance(statement, Size) or statement.part == "gradient":
            continue
        value = statement.value if isinstance(statement, Assign) else statement.result
        names = {e: name for e, name in names.items() if name != statement.target}
        if value is not None and (value.op is not None or statement.part == "size"):
            names.setdefault(value, statement.target)
    return names


def is_placed(e: Expr) -> bool:
    """Whether an expression is values put at places, which is written as an update."""
    return e.op in (indexing.scatter, updated)


def _unparsed(tree: ast.expr) -> str:
    return ast.unparse(ast.fix_missing_locations(tree))


# --- expressions without what says nothing ---


def _number(e: Expr) -> Any:
    while e.op in (shaping.reshape, shaping.broadcast_to):
        e = e.args[0]
    return e.value.item() if is_number(e) else None


def _whole(e: Expr) -> Expr:
    """Return a number without its decimal point, if it is a whole one."""
    value = _number(e) if is_number(e) else None
    if isinstance(value, float) and abs(value) < 1e15 and value == int(value):
        return _lifted(e, int(value))
    return e


def _lifted(e: Expr, value: Any) -> Expr:
    made: Expr = e.world.lift(value)
    return made


def _tidied(e: Expr) -> Expr:
    op, args = e.op, e.inputs
    values = [_number(arg) for arg in args]
    if op.symbol:
        args = tuple(map(_whole, args))  # 1 / n, not 1.0 / n
        e = e if all(a is b for a, b in zip(args, e.args, strict=True)) else _made(op, args, e)
    full = [tuple(arg.shape) == tuple(e.shape) for arg in args]
    if op is elementwise.multiply:
        for one, other in ((0, 1), (1, 0)):
            if values[one] == 1 and full[other] and args[other].dtype == e.dtype:
                return args[other]
            if values[one] == -1 and full[other]:
                return _made(elementwise.negative, (args[other],), e)
    if op in (elementwise.divide, elementwise.power) and values[1] == 1 and full[0]:
        return args[0]
    if op is elementwise.subtract and None not in values and not e.shape:
        return _lifted(e, values[0] - values[1])  # the exponent 2 - 1
    if op is elementwise.negative:
        (x,) = args
        if is_number(x):
            return _lifted(e, -values[0])
        if x.op is elementwise.negative:
            return x.inputs[0]
        if x.op in (elementwise.multiply, elementwise.divide) and is_number(x.inputs[0]):
            front = _lifted(e, -_number(x.inputs[0]))  # -1 / n, not -(1 / n)
            return _tidied(_made(x.op, (front, x.inputs[1]), x))
    if op is shaping.reshape and full[0]:
        return args[0]
    if op is shaping.transpose is args[0].op and not e.setting("axes"):  # K.T.T
        return e if args[0].setting("axes") else args[0].inputs[0]
    return e


def _made(op: Any, args: tuple[Expr, ...], like: Expr) -> Expr:
    made: Expr = like.world.make(op, args, (), like.shape)
    return made


# --- sentences ---


def sentence(node: Expr, edge: Edge, g: Expr, hand: Hand) -> str:
    """Say why one arrow of the backward pass is what it is; nothing if its rule does not say."""
    own = _SPECIAL.get(node.op)
    said = own(node, edge.position, g, hand) if own is not None else None
    return said or fill(" ".join((edge.function.__doc__ or "").split()), _meaning(node, g, hand))


def _meaning(node: Expr, g: Expr, hand: Hand) -> dict[str, ast.expr]:
    """Return what the names in a rule's docstring stand for."""
    write = hand.printer.expression
    meaning = {"g": _parsed(hand.text(g)), "out": write(node)}
    if not node.op.variadic:
        meaning |= {n: write(a) for n, a in zip(node.op.argnames, node.inputs, strict=True)}
    for name, value in node.settings:
        if name not in meaning:
            meaning[name] = hand.printer.setting(value, node)
    return meaning


def _parsed(code: str) -> ast.expr:
    return ast.parse(code, mode="eval").body


class _Fill(ast.NodeTransformer):
    """Puts expressions in the place of names; ``exp`` becomes NumPy's, ``x ** (2 - 1)`` is x."""

    def __init__(self, meaning: Mapping[str, ast.expr]) -> None:
        self.meaning = meaning

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.meaning.get(node.id, node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.BinOp(ast.Constant(int() | float() as p), ast.Sub(),
                           ast.Constant(int() | float() as q)):  # fmt: skip
                return ast.Constant(p - q)
            case ast.BinOp(base, ast.Pow(), ast.Constant(value=1)):
                return base
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        args: list[ast.expr] = [self.visit(arg) for arg in node.args]
        name = getattr(node.func, "id", "")
        for module, place in ((np, "np"), (np.linalg, "np.linalg")):
            if hasattr(module, name) and name not in self.meaning:
                return ast.Call(ast.parse(f"{place}.{name}", mode="eval").body, args, [])
        return ast.Call(self.visit(node.func), args, node.keywords)


def fill(text: str, meaning: Mapping[str, ast.expr]) -> str:
    """Replace names between backticks by what they stand for.

    Examples
    --------
    >>> from ast import Name
    >>> fill("so `g` is scaled by `exp(-out)`", {"g": Name("dp"), "out": Name("p")})
    'so `dp` is scaled by `np.exp(-p)`'
    """

    def filled(match: re.Match[str]) -> str:
        try:
            tree = ast.parse(match[1], mode="eval").body
        except SyntaxError:
            return match[0]
        return f"`{_unparsed(_Fill(meaning).visit(tree))}`"

    return re.sub(r"`([^`]+)`", filled, text)


def _of_sum(node: Expr, position: int, g: Expr, hand: Hand) -> str:
    """Say where an entry of a sum gets its gradient: from its own row's sum, if there are rows."""
    (x,), axes = node.inputs, normalize_axis(node.setting("axis"), len(node.inputs[0].shape))
    what = f"Every entry of {hand.described(x)}"
    if all(n == 1 for n in g.shape):
        return f"{what} went into one sum, so each receives `{hand.text(g)}`."
    if len(x.shape) == 2:
        each = ("column", "row")[axes[0]]
        where, one = f"the sum of its {each}", f"its {each}"
    else:
        where, one = f"one of the sums over {axes_text(axes)}", "that sum"
    return f"{what} went into {where}, so it receives the entry of `{hand.text(g)}` for {one}."


def _of_product(node: Expr, position: int, g: Expr, hand: Hand) -> str:
    """Say why the gradient of a factor is a product: entry [d, k] of it is the sum over i."""
    x, w = node.inputs
    stack = ", ".join(["..."] * (max(len(x.shape), len(w.shape)) > 2))
    rows, columns = len(x.shape) > 1, len(w.shape) > 1

    def entry(e: Expr, letters: str, stacked: bool = False) -> str:
        marks = [stack] * bool(stack and (stacked or len(e.shape) > 2))
        marks += [hand.letters[letter] for letter in letters]
        tree: Any = hand.printer.expression(hand.tidied(e))
        constant = not e.shape or (e.op is shaping.broadcast_to and not e.args[0].shape)
        return _unparsed(tree if constant or not marks else ast.Subscript(
            tree, _parsed(", ".join(marks))))  # fmt: skip

    of_x, of_w = entry(x, "id" if rows else "d"), entry(w, "dk" if columns else "d")
    of_g = entry(g, "i" * rows + "k" * columns, stacked=True)
    mine, other = (of_x, of_w) if position == 0 else (of_w, of_x)
    letter = (hand.letters["k"] * columns) if position == 0 else (hand.letters["i"] * rows)
    terms = f"{of_g} * {other}" if position == 0 else f"{other} * {of_g}"
    terms = other if of_g == "1" else terms
    met = f" for every {letter}" if letter else ""
    said = f"`{mine}` was multiplied by `{other}`{met}, so its gradient is " + (
        f"the sum over {letter} of `{terms}`" if letter else f"`{terms}`")  # fmt: skip
    if stack or not letter or of_g == "1":
        return f"{said}{', summed over the stack as well' * _is_stretched(node, position)}."
    place = [hand.letters[x] for x in ("dk"[: 1 + columns] if position else "id"[1 - rows :])]
    left, right = (g, w) if position == 0 else (x, g)
    turned = right if position == 0 else left
    shapes = [hand.shape(node if side is g else side) for side in (left, right)]
    shapes[1 - position] = shapes[1 - position][::-1]
    names = [_bracketed(hand, left), _bracketed(hand, right)]
    names[1 - position] += ".T" * (len(turned.shape) > 1)
    names[1 - position] = names[1 - position].removesuffix(".T.T")
    return (
        f"{said}. That is entry [{', '.join(place)}] of `{' @ '.join(names)}`: "
        f"{shapes[0]} @ {shapes[1]} = {hand.shape(node.inputs[position])}."
    )


def _is_stretched(node: Expr, position: int) -> bool:
    return len(node.inputs[position].shape) < max(3, len(node.shape)) and len(node.shape) > 2


def _bracketed(hand: Hand, e: Expr) -> str:
    text = hand.text(e)
    return text if re.fullmatch(r"[\w.]+", text) else f"({text})"


def _of_picked(node: Expr, position: int, g: Expr, hand: Hand) -> str:
    """Say what an index passes back that picks everything, and puts in axes of size 1."""
    index = node.setting("index")
    parts = index if type(index) is tuple else (index,)
    whole = (p is None or p is ... or (isinstance(p, slice) and p == slice(None)) for p in parts)
    if not all(whole):
        return ""
    x = hand.text(node.inputs[0])
    return f"The entries are those of `{x}`, so `{hand.text(g)}` is given the shape of `{x}`."


_SPECIAL = {reductions.sum: _of_sum, linalg.matmul: _of_product, indexing.getitem: _of_picked}


def repeated(small: Expr, large: Expr, hand: Hand) -> str:
    """Say that an operand was repeated to fit a result, if it was, and is summed over for that."""
    lead = len(large.shape) - len(small.shape)
    axes = [i for i, n in enumerate(large.shape)
            if i < lead or (small.shape[i - lead] == 1 and n != 1)]  # fmt: skip
    if not axes or not large.op.elementwise:
        return ""
    if len(axes) == len(large.shape):
        where = "for every entry"
    elif len(large.shape) == 2:
        where = f"for every {('row', 'column')[axes[0]]}"
    else:
        where = f"along {axes_text(axes)}"
    return (
        f"{hand.described(small)} was repeated {where} of {hand.described(large)}, so its gradient "
        f"is summed over {axes_text(axes)}."
    )


def axes_text(axes: Iterable[int]) -> str:
    """Name axes, as in ``axes 0 and 2``."""
    named = [*map(str, axes)]
    return ("axis " if len(named) == 1 else "axes ") + listed(named)


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape as it is printed; that of a single number in words.

    Examples
    --------
    >>> shape_text((300, 3)), shape_text((3,)), shape_text(())
    ('(300, 3)', '(3,)', '(a single number)')
    """
    return str(tuple(map(int, shape))) if shape else "(a single number)"


def listed(parts: list[str]) -> str:
    """Join parts as a sentence does.

    Examples
    --------
    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return ", ".join(parts[:-1]) + f" and {parts[-1]}" if len(parts) > 1 else "".join(parts)
