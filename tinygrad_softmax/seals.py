"""Seals: noticing that an array is no longer what it was in the forward pass.

Imports NumPy only. A result of an op is read-only and needs no seal; what a user can still write
to is sealed with a fingerprint, and looked at again before the backward pass relies on it.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Seal(NamedTuple):
    """A fingerprint of an array that the backward pass will need as it was."""

    array: Any
    mark: int
    exact: bool
    name: str | None

    @classmethod
    def of(cls, array: Any, name: str | None, exact: bool = False) -> Seal:
        """Seal an array as it is now."""
        return cls(array, fingerprint(array, exact), exact, name)

    @property
    def broken(self) -> bool:
        """Whether the array has been changed since (as far as the fingerprint shows)."""
        return fingerprint(self.array, self.exact) != self.mark


def fingerprint(array: Any, exact: bool = False) -> int:
    """Return a hash of the array's bytes; of at most 512 evenly spread entries unless `exact`.

    Examples
    --------
    >>> import numpy as np
    >>> W = np.zeros((2, 3))
    >>> before = fingerprint(W)
    >>> W[1, 2] = 1
    >>> fingerprint(W) == before
    False
    """
    if not exact and array.size > 512:
        # a view where one run over memory will do; the iterator `flat` is several times slower
        entries = array.ravel("K") if array.flags.forc else array.flat
        array = entries[:: -(-array.size // 512)]
    return hash(array.tobytes())


def can_change(array: Any) -> bool:
    """Whether someone can still write to this memory: it is a leaf's, or a view of it.

    Examples
    --------
    >>> import numpy as np
    >>> W = np.zeros((2, 3))
    >>> view = W.T
    >>> view.flags.writeable = False
    >>> can_change(view)
    True
    """
    if array.flags.writeable:
        return True
    base = array.base
    return base is not None and getattr(getattr(base, "flags", None), "writeable", True)
