"""Attributes that users of PyTorch expect of a Tensor, and what to write instead."""

from __future__ import annotations

from typing import Any

__all__ = ["HABITS", "Habit"]


class Habit:
    """An attribute that a Tensor lacks, and what to write instead."""

    def __init__(self, name: str, advice: str) -> None:
        self.text = f"'Tensor' object has no attribute {name!r}: {advice}"

    def __get__(self, instance: Any, owner: type) -> Any:
        raise AttributeError(self.text)


#: What users of PyTorch try first, and what it is called here.
HABITS = {
    "zero_grad": "backward() sets .grad afresh, so there is nothing to zero",
    "requires_grad_": "Tensor(data) is a parameter, Tensor(data, requires_grad=False) is not",
    "view": "write t.reshape(...)", "unsqueeze": "write np.expand_dims(t, axis)",
    "permute": "write t.transpose(...)", "t": "write t.T", "pow": "write t ** p",
    "mm": "write t @ u", "matmul": "write t @ u", "norm": "write np.linalg.norm(t)",
    "numel": "write t.size", "dim": "write t.ndim", "clamp": "write np.clip(t, low, high)",
    "to": "write t.astype(dtype)", "float": "write t.astype(np.float32)",
    "double": "write t.astype(np.float64)", "cpu": "there are no devices",
    "cuda": "there are no devices", "device": "there are no devices",
    "fill": "write t.data[...] = value", "zero_": "write t.data[...] = 0",
    "add_": "write t.data += value", "sub_": "write t.data -= value",
    "mul_": "write t.data *= value", "is_leaf": "see t.requires_grad",
    "grad_fn": "repr(t) names the op that made it",
    "retain_grad": "every tensor that you hold has its .grad after backward()",
    "clone": "write t.copy()", "contiguous": "write t as it is", "add": "write t + u",
    "sub": "write t - u", "mul": "write t * u", "div": "write t / u", "neg": "write -t",
    "long": "labels stay plain arrays: y.astype(int)", "masked_fill": "write np.where(m, value, t)",
    "int": "labels stay plain arrays: y.astype(int)", "expand": "write np.broadcast_to(t, shape)",
    "gather": "write np.take_along_axis(t, index, axis)",
    "where": "write np.where(mask, t, u)", "split": "write np.split(t, parts, axis)",
    "roll": "write np.roll(t, shift, axis)", "tile": "write np.tile(t, repeats)",
    "quantile": "write np.quantile(t, q)", "stack": "write np.stack([t, u])",
    "concatenate": "write np.concatenate([t, u])",
}  # fmt: skip
_NUMPY_HABITS = """abs exp exp2 expm1 log log2 log10 log1p sqrt square sin cos tan tanh sinh cosh
arctan sign floor ceil trunc flip sort median isnan isfinite"""
_OF_TWO = "maximum minimum logaddexp outer inner cross"
_OWN_HABITS = "softmax log_softmax logsumexp relu sigmoid softplus"
HABITS |= {name: f"write np.{name}(t)" for name in _NUMPY_HABITS.split()}
HABITS |= {name: f"write np.{name}(t, u)" for name in _OF_TWO.split()}
HABITS |= {name: f"write tinygrad_softmax.{name}(t)" for name in _OWN_HABITS.split()}
