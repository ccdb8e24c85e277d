"""What ``python -m tinygrad_softmax`` does with the user's own functions.

Imports `derivation`, `explanation`, `checker` and the errors. Inputs are given by their shape and
drawn at random, or come from files or a function of the user's: what is derived holds for every
input of that kind.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .checker import check_gradients
from .core.errors import check_names
from .derivation import derive
from .explanation import explain

_HELP = """\
inputs:
  NAME=300x2     an array of that shape, normally distributed (5x for one axis)
  NAME=300:3     300 labels, each one of 0, 1, 2 (also 20x5:3)
  NAME=1e-3      a number
  NAME=file.npy  an array from a file
  A parameter with a default may be left out.

example:
  python -m tinygrad_softmax derive demos/why_dscores.py:loss \\
      W=2x3 b=1x3 X=300x2 y=300:3 reg=1e-3 --wrt W,b
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line; `sys.argv` if not given.

    Returns
    -------
    int
        0 if all went well, 1 if a gradient that was checked is wrong, 2 if the call or the function
        could not be understood.
    """
    options = _parser().parse_args(arguments)
    try:
        function = _load(options.function)
        inputs = _inputs(function, options)
        wrt = tuple(options.wrt.split(",")) if options.wrt else None
        status, text = options.run(function, wrt, inputs, options)
        print(text)  # noqa: T201 - this is a program
    except (ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError,
            ImportError, AttributeError) as error:  # fmt: skip
        print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return int(status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tinygrad_softmax",
        description="Say why the gradient of a loss is what it is.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, formats, does in (
        ("derive", _derive, ("text", "source", "markdown", "latex"),
         "derive the hand-written gradient, step by step"),
        ("explain", _explain, ("text", "markdown", "latex"),
         "walk the backward pass, arrow by arrow, in words"),
        ("check", _check, ("text",), "compare a hand-written gradient, and name the mistake"),
    ):  # fmt: skip
        command = commands.add_parser(
            name, help=does, description=does, epilog=_HELP,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        command.set_defaults(run=run)
        command.add_argument("function", metavar="MODULE:FUNCTION",
                             help="the loss; MODULE is a module's name or a file")  # fmt: skip
        if run is _check:
            command.add_argument("gradients", metavar="MODULE:GRADIENTS",
                                 help="the hand-written gradient")  # fmt: skip
        command.add_argument("inputs", nargs="*", metavar="NAME=INPUT", help="see below")
        command.add_argument("--inputs", dest="source", metavar="MODULE:NAME",
                             help="a dict of inputs, or a function that returns one")  # fmt: skip
        command.add_argument("--wrt", help="by what, separated by commas; the first input if not "
                             "given")  # fmt: skip
        command.add_argument("--format", choices=formats, default="text", help="text if not given")
        command.add_argument("--seed", type=int, default=0, help="of the random draws")
        if run is _derive:
            command.add_argument("--stable", action="store_true",
                                 help="in a form that no score can overflow")  # fmt: skip
    return parser


def _derive(function: Any, wrt: Any, inputs: dict[str, Any], options: Any) -> tuple[int, str]:
    return 0, _text(derive(function, wrt, stable=options.stable, **inputs), options)


def _explain(function: Any, wrt: Any, inputs: dict[str, Any], options: Any) -> tuple[int, str]:
    return 0, _text(explain(function, wrt, **inputs), options)


def _check(function: Any, wrt: Any, inputs: dict[str, Any], options: Any) -> tuple[int, str]:
    report = check_gradients(function, _load(options.gradients), wrt=wrt, **inputs)
    return int(not report.ok), _text(report, options)


def _text(result: Any, options: Any) -> str:
    return str(result if options.format == "text" else getattr(result, options.format))


def _load(place: str) -> Any:
    """Return what ``module:name`` or ``file.py:name`` names."""
    module, _, name = place.rpartition(":")
    if not module or not name:
        raise ValueError(f"{place!r} names no function: write module:function")
    if module.endswith(".py"):
        spec = importlib.util.spec_from_file_location(Path(module).stem, module)
        assert spec is not None
        assert spec.loader is not None
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
    else:
        sys.path.insert(0, "")  # as `python -m` has it
        try:
            loaded = importlib.import_module(module)
        finally:
            sys.path.remove("")
    return getattr(loaded, name)


def _inputs(function: Callable[..., Any], options: Any) -> dict[str, Any]:
    """Draw or load the inputs; the message names those that are missing."""
    found: dict[str, Any] = {}
    if options.source:
        source = _load(options.source)
        found |= source() if callable(source) else source
    rng = np.random.default_rng(options.seed)
    for text in options.inputs:
        name, sign, value = text.partition("=")
        if not sign:
            raise ValueError(f"{text!r} is no input: write NAME=300x2, NAME=300:3 or NAME=0.5")
        found[name] = _input(value, rng)
    check_names(found)
    parameters = inspect.signature(function).parameters.values()
    missing = [p.name for p in parameters if p.default is p.empty and p.name not in found
               and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]  # fmt: skip
    if missing:
        shapes = " ".join(f"{name}=SHAPE" for name in missing)
        raise ValueError(f"{', '.join(missing)} not given: add {shapes}, as in X=300x2")
    return found


def _input(text: str, rng: np.random.Generator) -> Any:
    """Return the input that a description stands for."""
    if text.endswith(".npy"):
        return np.load(text)
    shape = re.fullmatch(r"(\d+(?:x\d+)*)(?::(\d+))?", text)
    if shape and (shape[2] or "x" in text):
        sizes = tuple(map(int, shape[1].split("x")))
        return rng.integers(0, int(shape[2]), sizes) if shape[2] else rng.standard_normal(sizes)
    vector = re.fullmatch(r"(\d+)x", text)
    if vector:
        return rng.standard_normal(int(vector[1]))
    try:
        return float(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a shape (300x2, or 5x for one axis), labels (300:3), a number, "
            "nor a .npy file"
        ) from None
