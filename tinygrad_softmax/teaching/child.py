"""The process in which a submission runs: loaded, called, watched, and answered for line by line.

Imports NumPy alone, for it is run as a program, in which the package is out of reach of the
submission. What comes back are arrays; whether they are right is determined elsewhere.
"""

from __future__ import annotations

import base64
import inspect
import json
import linecache
import os
import sys
import traceback
import types
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import IO, Any

import numpy as np

#: Packages that differentiate: a submission may import them, and is refused when it uses them.
DIFFERENTIATE = frozenset([
    "aesara", "algopy", "autograd", "casadi", "chainer", "equinox", "findiff", "flax", "haiku",
    "jax", "jaxlib", "keras", "micrograd", "mxnet", "mygrad", "numdifftools", "optax", "paddle",
    "pytensor", "sympy", "tensorflow", "theano", "tinygrad", "tinygrad_softmax", "torch",
])  # fmt: skip
#: What a gradient has no business to do, by the names of Python's audit events.
_EVENTS = frozenset([
    "os.exec", "os.fork", "os.forkpty", "os.kill", "os.posix_spawn", "os.remove", "os.rename",
    "os.rmdir", "os.system", "shutil.rmtree", "socket.bind", "socket.connect", "subprocess.Popen",
])  # fmt: skip


class NotAllowedError(Exception):
    """The submission did something that the guard refuses."""


# --- values as text ---


def encode(value: Any) -> Any:
    """Return a value as JSON has it; of what is no data, what it is called.

    Examples
    --------
    >>> decode(encode({"W": np.arange(3.0), "reg": 0.1, "cache": (None, "text")}))
    {'W': array([0., 1., 2.]), 'reg': 0.1, 'cache': (None, 'text')}
    >>> encode(object())
    {'other': 'object'}
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, (np.ndarray, np.generic, complex)):
        array = np.asarray(value)
        if array.dtype.kind in "biufc" and type(value) is not np.matrix:
            data = base64.b64encode(array.tobytes()).decode()
            kind = "array" if isinstance(value, np.ndarray) else "scalar"
            return {kind: [array.dtype.str, array.shape, data]}
    if isinstance(value, dict):
        return {"dict": [[encode(k), encode(v)] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        return {"list" if isinstance(value, list) else "tuple": [*map(encode, value)]}
    if isinstance(value, np.ndarray):
        return {"other": f"array of dtype={value.dtype}"}
    return {"other": type(value).__name__}


class Other:
    """Stands for what is no data: an object of a subclass that is called like it."""


def decode(text: Any) -> Any:
    """Return what `encode` was given; in place of what is no data, an `Other`."""
    if not isinstance(text, dict):
        return text
    ((kind, content),) = text.items()
    if kind in ("array", "scalar"):
        dtype, shape, data = content
        if np.dtype(dtype).kind not in "biufc":
            raise ValueError(f"an array of the dtype {dtype!r}")
        array = np.frombuffer(base64.b64decode(data), dtype).reshape(shape).copy()
        return array if kind == "array" else array[()]
    if kind == "dict":
        return {decode(k): decode(v) for k, v in content}
    if kind in ("list", "tuple"):
        values = [*map(decode, content)]
        return values if kind == "list" else tuple(values)
    return type(str(content), (Other,), {})()


# --- the submission's code ---


def load(pieces: Sequence[tuple[str, str]], space: dict[str, Any]) -> list[str]:
    """Run pieces of code in a namespace, each after the other; return what those that raised said.

    A piece that raises, as a check in a notebook does, does not keep the others from running.
    """
    failed = []
    for name, text in pieces:
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
        try:
            exec(compile(text, name, "exec", dont_inherit=True), space)
        except BaseException as error:  # sys.exit() among others: it is no reason to stop
            failed.append(told(error, [name for name, _ in pieces]))
    return failed


def told(error: BaseException, files: Sequence[str]) -> str:
    """Return the place of an error in some files, its type and its message, in one line."""
    message = str(error).strip().partition("\n")[0][:500]
    said = f"{type(error).__name__}: {message}" if message else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename in files:
        place = f"{str(error.filename).strip('<>')}, line {error.lineno}"
        return f"{place}: {type(error).__name__}: {error.msg}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in files]
    if not frames:
        return said
    last = frames[-1]
    within = "" if last.name.startswith("<") else f", in {last.name}"
    return f"{last.filename.strip('<>')}, line {last.lineno}{within}: {said}"


# --- the guard ---


class _Guard:
    """What is refused while the submission runs; ``refused`` is kept even if it is caught."""

    def __init__(self) -> None:
        self.is_running, self.refused = False, ""
        #: where Python and its packages are, and the folder of the process
        self.roots = {os.path.realpath(p) for p in (
            sys.prefix, sys.base_prefix, os.path.dirname(os.__file__),
            Path(np.__file__).parents[1], os.getcwd(), os.devnull,
        )}  # fmt: skip

    def install(self, also: Sequence[str] = ()) -> None:
        """Put the guard in the way of files, programs and the network; files `also` are open."""
        self.roots.update(map(os.path.realpath, also))
        sys.addaudithook(self._audited)

    def say(self, sentence: str) -> NotAllowedError:
        self.refused = self.refused or sentence
        return NotAllowedError(sentence)

    def _audited(self, event: str, details: Any) -> None:
        if event in _EVENTS:
            raise PermissionError(f"a submission may not call {event}")
        if event == "open" and isinstance(details[0], (str, bytes)):
            path = os.path.realpath(os.fsdecode(details[0]))
            if not any(path == root or path.startswith(root + os.sep) for root in self.roots):
                raise PermissionError(f"a submission may not open {path}")

    # the protocol of imports

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name.partition(".")[0] not in DIFFERENTIATE:
            return None
        return ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type] # it loads modules

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        return _Module(spec.name, self)

    def exec_module(self, module: types.ModuleType) -> None:
        """There is nothing to run."""


class _Module(types.ModuleType):
    """Stands for a package that differentiates: all names can be imported from it."""

    def __init__(self, name: str, guard: _Guard) -> None:
        super().__init__(name)
        self.__dict__.update(_guard=guard, __all__=[])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing(self.__name__.partition(".")[0], self.__dict__["_guard"])


class _Nothing:
    """Stands for anything of such a package: does nothing at first, refuses in the gradient."""

    def __init__(self, package: str, guard: _Guard) -> None:
        self.__dict__.update(_package=package, _guard=guard)

    def _used(self, *_: Any, **__: Any) -> _Nothing:
        guard = self.__dict__["_guard"]
        if guard.is_running:
            raise guard.say(f"the gradient is computed with `{self.__dict__['_package']}`, which "
                            "differentiates by itself: write the formula with NumPy")  # fmt: skip
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._used()

    def __setattr__(self, name: str, value: Any) -> None:
        self._used()

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        return ()

    def __iter__(self) -> Any:
        self._used()
        return iter(())

    def __exit__(self, *error: Any) -> None:
        self._used()

    def __bool__(self) -> bool:
        self._used()
        return True

    def __str__(self) -> str:
        self._used()
        return ""

    __call__ = __enter__ = __getitem__ = __add__ = __radd__ = __sub__ = __rsub__ = _used
    __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __matmul__ = __rmatmul__ = _used
    __pow__ = __neg__ = __lt__ = __le__ = __gt__ = __ge__ = _used


class _Watch:
    """Follows a call of the submission: how many lines it runs, and which inputs it nudges.

    An input is nudged where a variable holds it with one entry changed: that is how slopes are
    measured. Which entries were changed alone is kept for each input.
    """

    def __init__(self, files: Sequence[str], inputs: dict[str, Any]) -> None:
        self.files, self.lines = {*files}, 0
        self.inputs = {
            name: np.array(v).ravel()
            for name, v in inputs.items()
            if isinstance(v, np.ndarray) and v.dtype.kind == "f" and v.size > 1
        }
        self.nudged: dict[str, set[int]] = {name: set() for name in self.inputs}

    def __call__(self, frame: types.FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename not in self.files:
            return None
        self.lines += event == "line"
        for value in [*frame.f_locals.values()]:
            for array in _arrays(value):
                self._compare(array)
        return self

    def _compare(self, array: Any) -> None:
        for name, given in self.inputs.items():
            if array.size == given.size:
                (changed,) = np.nonzero(array.ravel() != given)
                if len(changed) == 1:
                    self.nudged[name].add(int(changed[0]))


def _arrays(value: Any, depth: int = 2) -> Iterator[Any]:
    """Yield the arrays that a value is, or holds as a dict, a list, or an object."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "fc":
            yield value
    elif depth:
        inner: Any = ()
        if isinstance(value, dict):
            inner = [*value.values()]
        elif isinstance(value, (list, tuple)):
            inner = value[:10]
        elif type(value).__module__ == "submission":
            inner = [*getattr(value, "__dict__", {}).values()]
        for one in inner:
            yield from _arrays(one, depth - 1)


# --- the process ---


def serve(job: dict[str, Any], requests: IO[str], answer: Callable[[Any], None]) -> None:
    """Load a submission, and call its function as often as is asked for."""
    files = [name for name, _ in job["pieces"]]
    guard = _Guard()
    guard.install()
    sys.meta_path.insert(0, guard)
    space = {"__name__": "submission", "display": print}
    failed = load(job["pieces"], space)
    function = space.get(job["function"])
    if not callable(function):
        names = [name for name, value in space.items() if isinstance(value, types.FunctionType)
                 and value.__module__ == "submission"]  # fmt: skip
        has = f", only `{'`, `'.join(names)}`" if names else ""
        reason = f": {failed[0]}" if failed else ""
        said = f"there is no function `{job['function']}` in the submission{has}{reason}"
        answer({"error": said})
        return
    answer({"parameters": _parameters(function)})
    for line in requests:
        request = json.loads(line)
        values, inputs = decode(request["values"]), decode(request["inputs"])
        watch = _Watch(files, inputs) if request["watch"] else None
        reply: dict[str, Any] = {}
        guard.is_running, guard.refused = True, ""
        try:
            sys.settrace(watch)
            result = function(*values, **inputs)
            reply["result"] = encode(result)
            if inspect.iscoroutine(result):
                result.close()  # it would be told at the end that nobody waited for it
        except BaseException as error:  # whatever a submission raises, sys.exit() among it
            reply["error"] = told(error, files)
        finally:
            sys.settrace(None)
            guard.is_running = False
        reply |= {"values": encode(values), "inputs": encode(inputs), "refused": guard.refused}
        if watch is not None:
            nudged = {name: len(entries) for name, entries in watch.nudged.items()}
            reply |= {"lines": watch.lines, "nudged": nudged}
        answer(reply)


def _parameters(function: Callable[..., Any]) -> list[tuple[str, str, bool]] | None:
    """Return the parameters of a function: name, kind, and whether it has a default."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # written in C
        return None
    return [(p.name, p.kind.name, p.default is not p.empty) for p in found]


def explain(job: dict[str, Any], answer: Callable[[Any], None]) -> None:
    """Look for the repair of a wrong submission; the one task for which the package is there."""
    sys.path[:0] = job["path"]
    from tinygrad_softmax.checker import check_gradients

    mine: dict[str, Any] = {"__name__": "assignment"}
    theirs: dict[str, Any] = {"__name__": "submission", "display": print}
    _Guard().install([os.path.join(folder, "tinygrad_softmax") for folder in job["path"]])
    load(job["loss"], mine)
    load(job["pieces"], theirs)
    report = check_gradients(mine[job["name"]], theirs[job["function"]], wrt=tuple(job["wrt"]),
                             budget=job["budget"], **decode(job["inputs"]))  # fmt: skip
    answer({"report": report.json()})


def main() -> None:
    """Take a job from the standard input; the submission's own input is empty from then on."""
    requests, replies = (os.fdopen(os.dup(n), mode, encoding="utf-8") for n, mode in
                         ((0, "r"), (1, "w")))  # fmt: skip
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what it prints goes where its errors go

    def answer(reply: Any) -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        replies.write(json.dumps(reply) + "\n")
        replies.flush()

    job = json.loads(requests.readline())
    if job["memory"]:
        try:
            import resource

            for kind, most in ((resource.RLIMIT_AS, job["memory"]), (resource.RLIMIT_CORE, 0)):
                resource.setrlimit(kind, (most, most))
        except (ImportError, ValueError, OSError):  # of a system that has no such limits
            pass
    answer({"started": True})
    if job["task"] == "serve":
        serve(job, requests, answer)
    else:
        explain(job, answer)


if __name__ == "__main__":
    main()
