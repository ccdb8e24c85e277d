"""A function that cannot be traced is run on Tensors instead, and a tape is asked what it is of.

Imports the tape and `scope`. `explain` and `draw` both begin here.
"""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from ..core.errors import BackwardError, user_frame, variable_name
from ..core.tape import Leaf
from ..core.tensor import Tensor
from ..core.transforms import check_scalar_loss
from ..symbolic.trace import call
from .scope import Scope

_Scope = TypeVar("_Scope", bound=Scope)


def noted(scope: _Scope) -> _Scope:
    """Return the scope, with what the caller's variables are called."""
    frame = user_frame()
    for variables in (frame.f_locals, frame.f_globals) if frame else ():
        scope.note(variables)
    return scope


def run(function: Any, wrt: Any, inputs: dict[str, Any], scope: Scope) -> Tensor:
    """Run a function on Tensors, its variables watched by `scope`; return the loss.

    Raises
    ------
    TypeError
        If `wrt` names no input.
    BackwardError
        If the result depends on none of `wrt`.
    """
    names = list(inspect.signature(function).parameters)
    chosen = (names[0],) if wrt is None else (wrt,) if isinstance(wrt, str) else tuple(wrt)
    if missing := [name for name in chosen if name not in inputs]:
        raise TypeError(
            f"wrt={missing[0]!r} is not among the inputs given ({', '.join(inputs)}), and the "
            "function could not be traced for its local variables"
        )
    values = {
        name: Tensor(value, name=name) if name in chosen else value
        for name, value in inputs.items()
    }
    with scope.watching():
        loss = call(function, values)
    scope.note(values)
    check_scalar_loss(loss, getattr(function, "__name__", "the function"), ", ".join(chosen))
    return loss  # type: ignore[no-any-return]


def root_of(loss: Tensor, verb: str) -> Any:
    """Return the node of a recorded scalar; `verb` says what was to be done with it.

    Raises
    ------
    BackwardError
        If it is the result of no recorded op, or no scalar.
    """
    root, name = loss.node, variable_name(loss) or "this tensor"
    if root is None or isinstance(root, Leaf):
        raise BackwardError(
            f"{verb}() of {name}, which is the result of no recorded op: wrap an input in "
            f"Tensor(...), compute a loss from it outside no_grad(), and {verb} the loss"
        )
    if loss.size != 1:
        raise BackwardError(
            f"{verb}() needs a scalar, but {name} has shape {loss.shape}: reduce it first, with "
            "np.sum or np.mean"
        )
    return root
