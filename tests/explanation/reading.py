"""Reads a text back: every name in it means something, and every formula is true in numbers."""

import ast
import re

import numpy as np

#: The letters of indices, and what they are for a moment.
LETTERS = {**dict.fromkeys("idkjnfcl", 0), "delta_kj": 1.0}
_SHAPE = r"\(\d[\d, ]*\)"
_PRODUCT = re.compile(rf"({_SHAPE}) @ ({_SHAPE}) = ({_SHAPE})")


def copied(space):
    """Values by name, arrays of their own."""
    return {n: v.copy() if isinstance(v, np.ndarray) else v for n, v in space.items()}


class Reader:
    """Reads parts in their order; what a line assigns is known from there on."""

    def __init__(self, space):
        self.space = {**copied(space), "np": np}
        self.read = 0  # formulas that have been evaluated

    def parts(self, parts):
        """Run all formulas of a text in their order, and then read its sentences."""
        parts, target = list(parts), ""
        for part in parts:
            if part.kind == "formula":
                target = self.lines(part.text) or target
            elif part.kind == "equal":
                self.same(target, part.text)
            elif part.kind == "text":  # "so `dreg_loss = 1`."
                for code in re.findall(r"So `([^`]+ = [^`]+)`", part.text):
                    self.lines(code)
        for part in parts:
            if part.kind in ("item", "text", "heading", "title"):
                self.sentence(part.text)

    def lines(self, code):
        """Run lines of code; return what the last of them assigns."""
        with np.errstate(all="ignore"):
            exec(code, self.space)
        self.read += len(code.splitlines())
        (*_, last) = ast.parse(code).body
        node = last.targets[0] if isinstance(last, ast.Assign) else getattr(last, "target", None)
        while isinstance(node, ast.Subscript):
            node = node.value
        return node.id if node is not None else ""

    def same(self, target, code):
        """Compare an expression with what it is said to equal."""
        with np.errstate(all="ignore"):
            value = eval(code, self.space)
        np.testing.assert_allclose(np.broadcast_to(value, np.shape(self.space[target])),
                                   self.space[target], rtol=1e-6, atol=1e-9)  # fmt: skip
        self.read += 1

    def sentence(self, text):
        """Evaluate all that stands between backticks, and the shapes of products."""
        codes = re.findall(r"`([^`]+)`", text)
        if text.startswith("Put in"):
            codes = self.put(codes)
        for code in codes:
            self.code(code)
        for left, right, out in _PRODUCT.findall(text):
            shapes = (ast.literal_eval(shape) for shape in (left, right))
            assert (np.ones(next(shapes)) @ np.ones(next(shapes))).shape == ast.literal_eval(out)

    def put(self, codes):
        """Run the lines of what is put in, compare it with what it is called; return the rest."""
        target = codes[0].partition(" = ")[0]
        lines = []
        while codes and re.match(r"\w+(\[.*\])? ([-+*/]?=) |np\.\w+\.at\(", codes[0]):
            lines.append(codes.pop(0))
            target = re.match(r"(?:np\.\w+\.at\()?(\w+)", lines[-1])[1]
        new = copied(self.space)
        with np.errstate(all="ignore"):
            exec("\n".join(lines), new)
        found = np.broadcast_to(new[target], np.shape(self.space[target]))
        np.testing.assert_allclose(found, self.space[target], rtol=1e-6, atol=1e-9)
        self.space |= {n: v for n, v in new.items() if n not in self.space}
        self.read += len(lines)
        return codes

    def code(self, code):
        """Evaluate a piece of code in a sentence; an assignment must hold already, or is new."""
        if code in ("example(i)", "arrows", "d"):
            return
        if code.startswith("["):
            code = f"np.s_{code}"
        tree = ast.parse(code)
        space = {**LETTERS, **self.space}
        (*others, first) = tree.body[::-1]
        with np.errstate(all="ignore"):
            if isinstance(first, ast.Expr) and not others:
                eval(compile(ast.Expression(first.value), "", "eval"), space)
            else:
                self.assignment(code, first, space)
        self.read += 1

    def assignment(self, code, first, space):
        new = copied(space)
        exec(code, new)
        target = first.targets[0] if isinstance(first, ast.Assign) else first.target
        while isinstance(target, ast.Subscript):
            target = target.value
        if target.id in self.space and ast.unparse(first).startswith(f"{target.id} ="):
            new_value, known = new[target.id], self.space[target.id]
            if ";" not in code and "zeros" not in code and not code.endswith(".copy()"):
                np.testing.assert_allclose(np.broadcast_to(new_value, np.shape(known)), known,
                                           rtol=1e-6, atol=1e-9)  # fmt: skip
        elif isinstance(first, ast.Assign):
            self.space[target.id] = new[target.id]
