"""The code of a function with all that it uses, so that it runs where nothing else is.

Imports `checker.source`. What a function uses is read from its own source, and looked up where it
would be found: functions are written out, modules imported, and constants written as literals.
"""

from __future__ import annotations

import builtins
import importlib
import inspect
import symtable
import sys
import textwrap
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..checker.source import NoSourceError, Source
from ..core.errors import is_users

#: What is there wherever the package is installed.
_INSTALLED = frozenset(["numpy", "tinygrad_softmax", *sys.stdlib_module_names])
#: So many numbers an array may have to be written out.
LARGEST = 5000


class StandaloneError(ValueError):
    """A function that cannot be written down by itself."""


class Piece(NamedTuple):
    """A definition: its code, and the file and line where it is written, if it is a function."""

    code: str
    file: str = ""
    line: int = 1


class Standalone(NamedTuple):
    """A function as code: its name, and the definitions to be run, in order."""

    name: str
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """All of it as one program."""
        gap = {True: "\n\n\n", False: "\n"}
        text, before = "", None
        for piece in self.pieces:
            long = bool(piece.file)
            text += (gap[long or bool(before and before.file)] if before else "") + piece.code
            if before and not before.file and not long and (
                _is_import(before.code) and not _is_import(piece.code)
            ):  # fmt: skip
                text = text[: -len(piece.code)] + "\n" + piece.code
            before = piece
        return text

    @property
    def numbered(self) -> list[tuple[str, str]]:
        """The same for `child.load`: by file, each at its own lines."""
        return [(piece.file or "what it uses", "\n" * (piece.line - 1) + piece.code)
                for piece in self.pieces]  # fmt: skip


def standalone(function: Any, name: str = "loss") -> Standalone:
    """Return the code of a function and of all that it uses.

    Parameters
    ----------
    function : function
        Defined in a file or a notebook; no method.
    name : str
        What it is called if it is a lambda.

    Returns
    -------
    Standalone
        The code in pieces; its ``text`` is one program.

    Raises
    ------
    StandaloneError
        If its source is not available, or if it uses what cannot be written down.

    Examples
    --------
    >>> power = 2
    >>> def loss(w):
    ...     return np.sum(w**power)
    >>> print(standalone(loss).text)
    import numpy as np
    <BLANKLINE>
    power = 2
    <BLANKLINE>
    <BLANKLINE>
    def loss(w):
        return np.sum(w**power)
    """
    if not isinstance(function, FunctionType):
        raise StandaloneError(f"{getattr(function, '__name__', function)!s} is a "
                              f"{type(function).__name__}: write it as a function")  # fmt: skip
    writer = _Writer()
    written = function.__code__.co_name
    name = written if written != "<lambda>" else name
    writer.define(name, function)
    pieces = sorted(writer.pieces, key=lambda piece: (
        not piece.code.startswith("from __future__"), not _is_import(piece.code)))  # fmt: skip
    return Standalone(name, tuple(pieces))


def literal(value: Any) -> str:
    """Return code for a value: numbers, text, arrays, and what is made of these.

    Raises
    ------
    StandaloneError
        If it is something else, or too large.

    Examples
    --------
    >>> literal({"W": np.eye(2), "y": np.array([0, 1]), "reg": np.inf})
    "{'W': np.array([[1.0, 0.0], [0.0, 1.0]]), 'y': np.array([0, 1]), 'reg': float('inf')}"
    """
    if value is None or type(value) in (bool, int, str):
        return repr(value)
    if type(value) is float:
        return repr(value) if np.isfinite(value) else f"float({str(value)!r})"
    if type(value) is list:
        return f"[{', '.join(map(literal, value))}]"
    if type(value) is set:
        return f"set([{', '.join(sorted(map(literal, value)))}])"
    if type(value) is tuple:
        return f"({', '.join(map(literal, value))}{',' * (len(value) == 1)})"
    if type(value) is dict:
        return f"{{{', '.join(f'{literal(k)}: {literal(v)}' for k, v in value.items())}}}"
    if type(value) in (slice, range):
        return repr(value)
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return f"np.{value.dtype.name}({literal(value.item())})"
    if type(value) is np.ndarray and value.dtype.kind in "biuf":
        if value.size > LARGEST:
            raise StandaloneError(f"an array of {value.size} numbers is too large to be written "
                                  f"down, which goes up to {LARGEST}")  # fmt: skip
        plain = value.dtype in (np.float64, np.int64, np.bool_)
        kind = "" if plain and value.size else f", dtype=np.{value.dtype.name}"
        shape = f".reshape({value.shape})" if not value.size else ""
        return f"np.array({literal(value.tolist())}{kind}){shape}"
    raise StandaloneError(f"a {type(value).__name__} cannot be written down")


class _Writer:
    """Writes down what a function uses before the function."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.known: dict[str, Any] = {}

    def define(self, name: str, value: Any) -> None:
        """Define a name, unless it is; raise if it means two things."""
        if name in self.known:
            if self.known[name] is not value:
                raise StandaloneError(f"`{name}` means two things in the functions that it uses: "
                                      "give one of them another name")  # fmt: skip
            return
        self.known[name] = value
        if isinstance(value, ModuleType):
            self._import(f"import {value.__name__}", name, value.__name__, value.__name__)
        elif isinstance(value, (FunctionType, type)) and _is_written_by_user(value):
            self._written(name, value)
        elif (place := _place(value)) is not None:
            module, inner = place
            self._import(f"from {module} import {inner}", name, inner, module)
        else:
            try:
                text = literal(value)
            except StandaloneError as error:
                raise StandaloneError(f"`{name}`, which is used, cannot be written down: {error}") \
                    from None  # fmt: skip
            if "np." in text:
                self.define("np", np)
            self.pieces.append(Piece(f"{name} = {text}"))

    def _import(self, code: str, name: str, inner: str, module: str) -> None:
        if module.partition(".")[0] not in _INSTALLED:
            file = getattr(sys.modules[module], "__file__", None) or ""
            is_own = is_users(file) and "site-packages" not in file
            raise StandaloneError(
                f"`{name}` comes from `{module}`, which is not installed with this package: "
                + ("import what it uses by name, so that it is copied" if is_own else
                   "use NumPy, the standard library, and functions of your own")
            )  # fmt: skip
        self.pieces.append(Piece(code if name == inner else f"{code} as {name}"))

    def _written(self, name: str, value: Any) -> None:
        own = value.__name__ if isinstance(value, type) else value.__code__.co_name
        if own not in (name, "<lambda>"):
            self.define(own, value)
            self.pieces.append(Piece(f"{name} = {own}"))
            return
        text, file, line, space = _source(value)
        for used in _free(text):
            if used in space and used != name:
                self.define(used, space[used])
        code = getattr(value, "__code__", None)
        future = Piece("from __future__ import annotations")
        if (
            code is not None
            and code.co_flags & annotations.compiler_flag
            and value.__annotations__
            and future not in self.pieces
        ):
            self.pieces.append(future)
        if text.startswith("lambda"):
            text = f"{name} = {text}"
        self.pieces.append(Piece(text, file, line))


def _source(value: Any) -> tuple[str, str, int, dict[str, Any]]:
    """Return the text of a function or a class, its file and line, and the names around it."""
    if isinstance(value, type):
        try:
            lines, line = inspect.getsourcelines(value)
        except (OSError, TypeError) as error:
            raise StandaloneError(f"the source of {value.__name__} is not available") from error
        text = textwrap.dedent("".join(lines)).rstrip()
        return text, inspect.getsourcefile(value) or "", line, vars(sys.modules[value.__module__])
    try:
        source = Source(value)
    except NoSourceError as error:
        raise StandaloneError(
            f"the source of {value.__name__} is not available: define it in a file or a notebook"
        ) from error
    # Without its decorators: what they have made of a function is the function that is found.
    text, line = source.text().strip(), source.tree.lineno
    names = value.__code__.co_freevars
    closed = dict(zip(names, (cell.cell_contents for cell in value.__closure__ or ()), strict=True))
    return text, source.file, line, value.__globals__ | closed


def _free(text: str) -> dict[str, None]:
    """Return the names that a definition takes from around it."""
    found: dict[str, None] = {}
    tables = [symtable.symtable(text, "<definition>", "exec")]
    while tables:
        table = tables.pop(0)
        is_module = table.get_type() == "module"
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (is_module or symbol.is_global()):
                found[symbol.get_name()] = None
        tables += table.get_children()
    return found


def _is_written_by_user(value: Any) -> bool:
    """Whether a function or a class is the user's own, and so is to be written down."""
    if isinstance(value, FunctionType):
        file = value.__code__.co_filename
    else:
        file = getattr(sys.modules.get(value.__module__), "__file__", None) or "<builtin>"
        if value.__module__ == "builtins":
            return False
    return is_users(file) and "site-packages" not in file


def _place(value: Any) -> tuple[str, str] | None:
    """Return the module and the name by which a function of a library is imported."""
    name = getattr(value, "__name__", None)
    if not isinstance(name, str) or not callable(value):
        return None
    for module in (getattr(value, "__module__", None), "numpy"):
        if module is None or module == builtins.__name__:
            continue
        try:
            if getattr(importlib.import_module(module), name, None) is value:
                return module, name
        except ImportError:
            continue
    return None


def _is_import(code: str) -> bool:
    return code.startswith(("import ", "from "))
