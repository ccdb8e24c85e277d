"""What the command `tinygrad-softmax` does with the user's own functions.

Imports `derivation`, `explanation`, `checker`, `drawing` and the errors. Inputs are given by their
shape and drawn at random, or come from files or a function of the user's: what is derived holds for
every input of that kind.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import functools
import importlib
import inspect
import io
import json
import linecache
import os
import re
import sys
import tempfile
import traceback
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, BinaryIO, TextIO

import numpy as np

from .checker import check_gradients, seed_mistakes
from .core.errors import check_names, is_users
from .derivation import derive
from .drawing import draw
from .drawing.explorable import Explorable, case_study_page
from .explanation import explain
from .notebook import read_cells, read_python
from .teaching.exercises import check_sizes
from .teaching.sheets import make_sheet

_HELP = """\
functions:
  file.py:NAME, notebook.ipynb:NAME or module:NAME
  A file alone stands for its function `loss`; the gradient, for its function
  `gradients`. A notebook's code cells are run in order, without IPython's magics.
  NAME may be a method: Class.method, of an instance made without arguments, or
  instance.method.

inputs:
  NAME=300x2         an array of that shape, normally distributed (5x for one axis)
  NAME=300:3         300 labels, each one of 0, 1, 2 (also 20x5:3)
  NAME=1e-3          a number
  NAME=file.npy      an array from a file
  NAME=file.npz:KEY  one of several arrays in a file; the one called NAME without KEY
  A parameter with a default may be left out. What is not given is taken from
  `inputs` in the file of the loss, if it is there: a dict, or a function.

exit status:
  0    all went well; all gradients that were checked are right
  1    a gradient that was checked is wrong
  2    usage: bad arguments, an unknown function, missing inputs, or a loss that
       cannot be derived
  3    your code failed: a file cannot be parsed, or a module or function raised
  130  interrupted with Ctrl-C

example:
  tinygrad-softmax %s
"""
_EXAMPLE = "demos/why_dscores.py:loss \\\n      W=2x3 b=1x3 X=300x2 y=300:3 reg=1e-3"
_FILES = (".py", ".ipynb")


class _UsageError(Exception):
    """What was asked for cannot be done."""


class _UserCodeError(Exception):
    """The user's code raised; the message says where."""


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
        could not be understood, 3 if the user's code failed, 130 if it was interrupted.

    Raises
    ------
    SystemExit
        With status 2 if the arguments are not those of a command; with 0 for ``--help`` and
        ``--version``.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    parser = _parser()
    # Inputs may come after options, which argparse itself allows only at one place.
    options, more = parser.parse_known_args(arguments)
    if unknown := [text for text in more if text.startswith("-")]:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    options.inputs += more
    path, status = [*sys.path], 2
    try:
        # What the user's code prints is no part of the result.
        with contextlib.redirect_stdout(sys.stderr):
            status, text = _run(options)
        _write(sys.stdout, text)
    except _UserCodeError as error:
        status = 3
        _write(sys.stderr, str(error))
    except _UsageError as error:
        _write(sys.stderr, f"{parser.prog}: {error}")
    except Exception as error:  # of a tool, which says what it does not accept
        _write(sys.stderr, f"{type(error).__name__}: {error}")
    except KeyboardInterrupt as error:
        status = 130  # as a shell has it
        place = _where(error)
        _write(sys.stderr, f"interrupted in {place}" if place else "interrupted")
    finally:
        sys.path[:] = path
        _module.cache_clear()
        _instance.cache_clear()
    return status


def _write(stream: TextIO, text: str) -> None:
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:  # as of `| head`; what is flushed at exit must not fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _parser() -> argparse.ArgumentParser:
    is_module = Path(sys.argv[0]).name == "__main__.py"
    parser = argparse.ArgumentParser(
        prog="python -m tinygrad_softmax" if is_module else "tinygrad-softmax",
        description="Say why the gradient of a loss is what it is.",
    )
    version = sys.modules[__name__.partition(".")[0]].__version__
    parser.add_argument("--version", action="version", version=f"tinygrad-softmax {version}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for run, formats, does, example in (
        (_derive, ("text", "source", "markdown", "latex"),
         "derive the hand-written gradient, step by step", f"derive {_EXAMPLE} --wrt W,b"),
        (_explain, ("text", "markdown", "latex"),
         "walk the backward pass, arrow by arrow, in words", f"explain {_EXAMPLE} --wrt W,b"),
        (_check, ("text", "markdown"), "compare a hand-written gradient, and name the mistake",
         "check homework.ipynb:loss homework.ipynb:gradients \\\n      --inputs data.npz"),
        (_draw, (), "draw the graph of a loss, with its values and gradients",
         f"draw {_EXAMPLE} -o graph.html"),
        (_explore, (), "make a page to explore the gradient of a softmax classifier",
         f"explore {_EXAMPLE}"),
        (_exercise, ("text",), "write a notebook, or print code, with mistakes to be found",
         f"exercise {_EXAMPLE} --level 2 --seed 7 -o sheet.ipynb"),
    ):  # fmt: skip
        command = commands.add_parser(
            name := run.__name__.lstrip("_"), help=does, description=does, epilog=_HELP % example,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        gradients = "[GRADIENTS] " if run is _check else ""
        loss = "[LOSS]" if run is _explore else "LOSS"
        command.usage = f"{parser.prog} {name} [options] {loss} {gradients}[NAME=INPUT ...]"
        command.set_defaults(run=run, format="text")
        command.add_argument("function", metavar="LOSS", nargs="?" if run is _explore else None,
                             help="the loss, as file.py:NAME" + ("; the CS231n case study if not "
                             "given" if run is _explore else ""))  # fmt: skip
        command.add_argument("inputs", nargs="*", metavar="NAME=INPUT", help="see below")
        command.add_argument("--inputs", dest="source", metavar="FILE", help="all arrays of "
                             "a file.npz, or file.py:NAME, a dict or a function")  # fmt: skip
        command.add_argument("--wrt", help="by what, separated by commas; the first input if not "
                             "given")  # fmt: skip
        command.add_argument("--seed", type=_seed, default=0, help="of the random draws")
        if len(formats) > 1:
            command.add_argument("--format", choices=formats, help="text if not given")
        if formats:
            command.add_argument("--json", dest="format", action="store_const", const="json",
                                 help="print JSON, for programs")  # fmt: skip
        if run is _derive:
            command.add_argument("--stable", action="store_true",
                                 help="in a form that no score can overflow")  # fmt: skip
        if run is _check:
            command.add_argument("--budget", type=_seconds, default=2.0, metavar="SECONDS",
                                 help="for how long to look for a repair of a wrong gradient; 2 "
                                 "if not given, 0 for none")  # fmt: skip
        if run is _draw:
            command.add_argument("-o", "--output", required=True, metavar="FILE",
                                 help="the page .html, or the picture .svg or .dot")  # fmt: skip
        if run is _explore:
            command.add_argument(
                "-o",
                "--output",
                metavar="FILE",
                help="the page .html; if not given, a browser opens it",
            )
        if run is _exercise:
            command.add_argument(
                "-o",
                "--output",
                metavar="SHEET.ipynb",
                help="write a notebook with checks, one to hand out, and the key",
            )
            command.add_argument(
                "--force", action="store_true", help="overwrite the files of -o if they exist"
            )
            command.add_argument(
                "--level",
                type=int,
                choices=(1, 2, 3),
                help="of a notebook: 1 (a missing line or a sign) if not given, "
                "2 (an axis, a factor, an operand), 3 (two mistakes, or one that "
                "a check of one number misses)",
            )
            command.add_argument(
                "--most", type=int, help="how many; 5, or 1 in a notebook, if not given"
            )
            command.add_argument(
                "--answers", action="store_true", help="print what the mistakes are, too"
            )
    return parser


def _seed(text: str) -> int:
    """Return a seed; NumPy takes no negative one."""
    if not re.fullmatch(r"\d+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer that is 0 or larger")
    return int(text)


def _seconds(text: str) -> float:
    """Return a time."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0 or larger")
    return seconds


def _run(options: Any) -> tuple[int, str]:
    """Load what the arguments name, and run the command; tell the user's errors from the tool's."""
    if options.function is None:
        return _written(case_study_page(), options)
    given = [text for text in options.inputs if "=" not in text]
    if len(given) > (options.run is _check):
        raise _UsageError(f"{given[-1]!r} is no input: write NAME=300x2, NAME=300:3 or NAME=0.5")
    function = _load(options.function, "loss")
    if not callable(function):
        kind = type(function).__name__
        raise _UsageError(f"{options.function} is no function, but of type {kind}")
    options.gradients = _load(given[0], "gradients") if given else None
    if not given and options.run is _check and options.function.endswith(_FILES):
        options.gradients = getattr(_module(options.function), "gradients", None)
    inputs = _inputs(function, options)
    wrt = tuple(re.split(r"\s*,\s*", options.wrt.strip())) if options.wrt else None
    try:
        return options.run(function, wrt, inputs, options)  # type: ignore[no-any-return]
    except (Exception, SystemExit) as error:
        with _users_code():
            function(**copy.deepcopy(inputs))
        # A loss that runs, but not with what a tool calls it with, is one that the tool refuses;
        # a gradient is called with arrays alone.
        if options.run is _check and _frames(error):
            raise _UserCodeError(_told(error)) from error
        raise


def _derive(function: Any, wrt: Any, inputs: dict[str, Any], options: Any) -> tuple[int, str]:
    derivation = derive(function, wrt, stable=options.stable, **inputs)
    found = {"wrt": derivation.wrt, "source": derivation.source, "text": str(derivation),
             "checked": derivation.checked}  # fmt: skip
    return 0, _text(derivation, options, found)


def _explain(function: Any, wrt: Any, inputs: dict[str, Any], options: Any) -> tuple[int, str]:
    explanation = explain(function, wrt, **inputs)
    line = ("name", "code", "shape", "contributions", "sentences")
    arrow = ("result", "operand", "op", "incoming", "outgoing", "sentence", "formula", "collected")
    found = {
        "text": str(explanation),
        "lines": [{name: getattr(one, name) for name in line} for one in explanation.lines],
        "arrows": [{name: getattr(one, name) for name in arrow} for one in explanation.arrows],
    }
    return 0, _text(explanation, options, found)


def _check(function: Any, wrt: Any, inputs: dict[str, Any], options: Any) -> tuple[int, str]:
    report = check_gradients(function, options.gradients, wrt=wrt, budget=options.budget,
                             **inputs)  # fmt: skip
    code = getattr(options.gradients or function, "__code__", None)
    if report.findings and code and code.co_filename.startswith("<cell"):
        _write(sys.stderr, f"note: lines are counted in {code.co_filename[1:-1]}")
    return int(not report.ok), report.json() if options.format == "json" else _text(report, options)


def _draw(function: Any, wrt: Any, inputs: dict[str, Any], options: Any) -> tuple[int, str]:
    draw(function, wrt, **inputs).save(options.output)
    return 0, str(options.output)


def _explore(function: Any, wrt: Any, inputs: dict[str, Any], options: Any) -> tuple[int, str]:
    return _written(draw(function, wrt, explore=True, **inputs), options)


def _written(page: Explorable, options: Any) -> tuple[int, str]:
    """Write a page where it is wanted, or to a temporary file that a browser opens."""
    path = options.output
    if path is None:
        with tempfile.NamedTemporaryFile(prefix="explore-", suffix=".html", delete=False) as file:
            path = file.name
    page.save(path)
    if options.output is None and not webbrowser.open(Path(path).as_uri()):
        _write(sys.stderr, "note: no browser could be started: open the page in one")
    return 0, str(path)


def _exercise(function: Any, wrt: Any, inputs: dict[str, Any], options: Any) -> tuple[int, str]:
    most = options.most if options.most is not None else 1 if options.output else 5
    if most < 1:
        raise _UsageError(f"--most {most} is too few: ask for 1 or more")
    if options.output:
        return _sheet(function, wrt, inputs, options, most)
    if options.level is not None:
        raise _UsageError("--level is for a notebook: add -o sheet.ipynb")
    check_sizes(derive(function, wrt, **inputs))
    found = [*seed_mistakes(function, wrt, most=most, seed=options.seed, **inputs)]
    _say_if_few(len(found), most)
    told = ("stage", "cause", "sentence") if options.answers else ()
    if options.format == "json":
        wanted = ("source", *told)
        return 0, json.dumps([{name: getattr(one, name) for name in wanted} for one in found])
    texts = []
    for number, mistake in enumerate(found, 1):
        answer = f"\n# Answer: {mistake.stage}: {mistake.sentence}" if told else ""
        texts.append(f"# Exercise {number}\n{mistake.source.rstrip()}{answer}")
    return 0, "\n\n\n".join(texts)


def _sheet(function: Any, wrt: Any, inputs: dict[str, Any], options: Any,
           most: int) -> tuple[int, str]:  # fmt: skip
    """Write a notebook, what students get of it, and the key."""
    path = Path(options.output)
    if path.suffix != ".ipynb":
        raise _UsageError(f"{options.output} is no notebook: name it {path.stem}.ipynb")
    if options.answers or options.format == "json":
        raise _UsageError("--answers and --json are for printing: the answers to a notebook are "
                          "in the key beside it")  # fmt: skip
    files = [path.with_suffix(e) for e in (".ipynb", ".student.ipynb", ".key.json")]
    if not options.force and (existing := next(filter(os.path.exists, files), None)):
        raise _UsageError(f"{existing} exists already: choose another name after -o, or add "
                          "--force to overwrite it")  # fmt: skip
    sheet = make_sheet(function, wrt, level=options.level or 1, seed=options.seed, most=most,
                       **inputs)  # fmt: skip
    _say_if_few(len(sheet.exercises), most)
    lines = []
    for file, text, what in zip(files, (sheet.notebook, sheet.student, sheet.key), (
        "with the hidden checks, for the autograder", "to hand out", "the answers",
    ), strict=True):  # fmt: skip
        file.write_text(text, "utf-8")
        lines.append(f"{file}: {what}")
    return 0, "\n".join(lines)


def _say_if_few(found: int, most: int) -> None:
    if found < most:
        _write(sys.stderr, f"note: {found} exercises were found, fewer than asked for")


def _text(result: Any, options: Any, found: dict[str, Any] | None = None) -> str:
    if options.format == "json":
        return json.dumps(found)
    return str(result if options.format == "text" else getattr(result, options.format))


# --- the user's code ---


@contextlib.contextmanager
def _users_code() -> Iterator[None]:
    """Say where the user's code has failed, should it fail."""
    try:
        yield
    except (_UsageError, _UserCodeError):
        raise
    except (Exception, SystemExit) as error:
        raise _UserCodeError(_told(error)) from error


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Return the calls of the user's functions that an exception has come through."""
    frames = [f for f in traceback.extract_tb(error.__traceback__)
              if is_users(f.filename) and not f.filename.startswith("<frozen ")]  # fmt: skip
    return [f for f in frames if "site-packages" not in f.filename] or frames


def _where(error: BaseException) -> str:
    """Return the file, line and function of the user's that an error is from, if any."""
    frames, within = _frames(error), ""
    if isinstance(error, SyntaxError) and error.filename:
        file, line = error.filename, error.lineno
    elif frames:
        file, line = frames[-1].filename, frames[-1].lineno
        name = frames[-1].name
        within = "" if name.startswith("<") else f", in {name}"
    else:
        return ""
    if os.path.isabs(file) and Path(file).is_relative_to(Path.cwd()):
        file = os.path.relpath(file)
    return f"{file.strip('<>')}, line {line}{within}"


def _told(error: BaseException) -> str:
    """Return the place and the line of an error, with its message."""
    place, message, code = _where(error) or "your code failed", str(error), None
    if isinstance(error, SyntaxError) and error.filename:
        code, message = error.text, error.msg
    elif frames := _frames(error):
        code = frames[-1].line
    shown = f"\n    {code.strip()}" if code and code.strip() else ""
    return f"{place}: {type(error).__name__}: {message}{shown}"


def _load(place: str, usual: str) -> Any:
    """Return the function, or dict, that ``file.py:name`` or ``module:name`` names."""
    module, _, name = (place, "", usual) if place.endswith(_FILES) else place.rpartition(":")
    if not module or not name:
        raise _UsageError(f"{place!r} names no function: write file.py:function")
    found: Any = _module(module)
    first, *attributes = name.split(".")
    if not hasattr(found, first):
        names = [key for key, value in vars(found).items() if inspect.isfunction(value)]
        raise _UsageError(f"{module} has no `{first}`; its functions: {', '.join(names) or 'none'}")
    found = getattr(found, first)
    for attribute in attributes:
        owner, found = found, getattr(found, attribute, None)
        if found is None:
            raise _UsageError(f"`{first}` in {module} has no `{attribute}`")
        if isinstance(owner, type) and inspect.isfunction(inspect.getattr_static(owner, attribute)):
            found = getattr(_instance(owner, module), attribute)
    return found


@functools.cache
def _instance(owner: type, module: str) -> Any:
    """Return an instance, of which the loss and the gradient are both methods."""
    with _users_code():
        try:
            inspect.signature(owner).bind()
        except (TypeError, ValueError) as error:
            raise _UsageError(
                f"{owner.__name__} needs arguments. Create an instance in the file, "
                f"`m = {owner.__name__}(...)`, and pass `{module}:m.loss`"
            ) from error
        return owner()


@functools.cache
def _module(place: str) -> ModuleType:
    """Run a file or a notebook, or import a module; once in a command."""
    if not place.endswith(_FILES):
        sys.path.insert(0, str(Path.cwd()))  # as `python -m` has it
        try:
            with _users_code():
                return importlib.import_module(place)
        except _UserCodeError as error:
            cause = error.__cause__
            if isinstance(cause, SyntaxError) and not cause.filename and not _frames(cause):
                raise _UserCodeError(f"{place} cannot be imported: {cause}") from None
            if isinstance(cause, ModuleNotFoundError) and f"{place}.".startswith(f"{cause.name}."):
                raise _UsageError(f"there is no module {cause.name!r} to import") from None
            raise
    path = Path(place).absolute()
    if not path.is_file():
        raise _UsageError(f"there is no file {place}")
    sys.path.insert(0, str(path.parent))  # as `python file.py` has it
    module = ModuleType(f"_user_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where dataclasses look for it
    with _users_code():
        if path.suffix == ".py":
            code = compile(read_python(path), path, "exec", dont_inherit=True)
            exec(code, vars(module))
        else:
            vars(module)["display"] = print  # which every notebook has
            backend = os.environ.get("MPLBACKEND")
            os.environ["MPLBACKEND"] = backend or "Agg"  # no window that has to be closed
            try:
                for code in _cells(path):
                    exec(code, vars(module))
            finally:
                if not backend:
                    os.environ.pop("MPLBACKEND", None)
    return module


def _cells(path: Path) -> Iterator[CodeType]:
    """Compile the code cells of a notebook, without what only IPython understands."""
    try:
        cells = read_cells(path)
    except ValueError as error:
        raise _UsageError(str(error)) from error
    for name, text, skipped in cells:
        code = compile(text, name, "exec", dont_inherit=True)
        # As it was run, so that the source of a function can be parsed; lines keep their numbers.
        linecache.cache[name] = (len(text), None, [f"{line}\n" for line in text.split("\n")], name)
        if skipped:
            _write(sys.stderr, f"note: not run in {name[1:-1]}: {'; '.join(skipped)}")
        yield code


# --- the inputs ---


def _inputs(function: Callable[..., Any], options: Any) -> dict[str, Any]:
    """Draw or load the inputs; the message names those that are missing."""
    parameters = inspect.signature(function).parameters.values()
    takes_any = any(p.kind == p.VAR_KEYWORD for p in parameters)
    names = [p.name for p in parameters]

    def wants(name: str) -> bool:
        return takes_any or name in names

    source = options.source
    found = _source(source, wants) if source else _own_inputs(options.function)
    if extra := [name for name in found if not wants(name)]:
        if options.source:
            _write(sys.stderr, f"note: no input of the loss, and left out: {', '.join(extra)}")
        found = {name: value for name, value in found.items() if name in names}
    rng = np.random.default_rng(options.seed)
    given: dict[str, str] = {}
    for text in options.inputs:
        name, sign, value = text.partition("=")
        if sign:
            check_names([name])
            if other := given.get(name):
                raise _UsageError(f"{name} is given twice, {other} and {text}: keep one")
            given[name] = text
            if not wants(name):
                raise _UsageError(f"{name!r} is no input of the loss: {', '.join(names)}")
            found[name] = _input(name, value, rng)
    missing = [p.name for p in parameters if p.default is p.empty and p.name not in found
               and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]  # fmt: skip
    if missing:
        shapes = " ".join(f"{name}=SHAPE" for name in missing)
        raise _UsageError(f"{', '.join(missing)} not given: add {shapes}, as in X=300x2")
    return found


def _own_inputs(place: str) -> dict[str, Any]:
    """Return `inputs` in the file of the loss: a dict, or a function that makes one."""
    module = place if place.endswith(_FILES) else place.rpartition(":")[0]
    found = getattr(_module(module), "inputs", None)
    if inspect.isfunction(found) and not inspect.signature(found).parameters:
        with _users_code():
            found = found()
    return dict(found) if isinstance(found, dict) else {}


def _source(place: str, wants: Callable[[str], bool]) -> dict[str, Any]:
    """Return all inputs of a file, or those that the user's code makes."""
    if place.endswith(".npz"):
        return _arrays(place, wants)
    found = _load(place, "inputs")
    if callable(found):
        with _users_code():
            found = found()
    if not isinstance(found, dict):
        raise _UsageError(f"{place} is no dict of inputs, but of type {type(found).__name__}")
    return found


def _input(name: str, text: str, rng: np.random.Generator) -> Any:
    """Return the input that a description stands for."""
    if text.endswith(".npy"):
        with _opened(text) as file:
            return _numbers(text, lambda: np.load(file))
    if packed := re.fullmatch(r"(.+\.npz)(?::(.+))?", text):
        key = packed[2] or name
        arrays = _arrays(packed[1], key.__eq__)
        if key not in arrays:
            raise _UsageError(f"{packed[1]} has no array {key!r}, but {', '.join(arrays)}: "
                              f"write {name}={packed[1]}:KEY")  # fmt: skip
        return arrays[key]
    shape = re.fullmatch(r"(\d+(?:x\d+)*)(?::(\d+))?", text)
    if shape and (shape[2] or "x" in text):
        sizes = tuple(map(int, shape[1].split("x")))
        if shape[2] and int(shape[2]) < 1:
            raise _UsageError(f"{name}={text} asks for labels of no class: write {name}="
                              f"{shape[1]}:3 for the labels 0, 1, 2")  # fmt: skip
        return rng.integers(0, int(shape[2]), sizes) if shape[2] else rng.standard_normal(sizes)
    vector = re.fullmatch(r"(\d+)x", text)
    if vector:
        return rng.standard_normal(int(vector[1]))
    try:
        return float(text)
    except ValueError:
        raise _UsageError(
            f"{text!r} is neither a shape (300x2, or 5x for one axis), labels (300:3), a number, "
            "nor an array in a file (.npy, or .npz:KEY)"
        ) from None


def _arrays(path: str, wants: Callable[[str], bool]) -> dict[str, Any]:
    """Return the arrays of an archive that are wanted; of the others the name alone."""
    with _opened(path) as file:
        try:
            archive = np.load(file)
        except Exception:  # a broken file may raise anything
            archive = None
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise _UsageError(f"{path} is not an archive of arrays: save it with np.savez")
        return {key: _numbers(f"{path}:{key}", functools.partial(archive.__getitem__, key))
                if wants(key) else None for key in archive}  # fmt: skip


def _opened(path: str) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise _UsageError(f"{path} cannot be read: {error.strerror}") from None


def _numbers(place: str, read: Callable[[], Any]) -> Any:
    """Return an array from a file, in which there may be anything."""
    try:
        array = read()
    except Exception:  # NumPy would advise to unpickle what is no array, which runs code
        array = None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biufc":
        raise _UsageError(f"{place} is not an array of numbers: save one with np.save or np.savez, "
                          "not an array of objects or text")  # fmt: skip
    return array
