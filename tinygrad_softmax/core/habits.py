"""What users of PyTorch try on a Tensor, which it has not, and what to write instead."""

from __future__ import annotations

from typing import Any

__all__ = ["HABITS", "Habit"]


class Habit:
    """An attribute that a Tensor has not, and what to write instead."""

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
}  # fmt: skip
_NUMPY_HABITS = """abs exp exp2 expm1 log log2 log10 log1p sqrt square sin cos tan tanh sinh cosh
arctan sign floor ceil trunc maximum minimum where logaddexp concatenate stack split flip roll tile
sort median quantile outer inner cross isnan isfinite"""
_OWN_HABITS = "softmax log_softmax logsumexp relu sigmoid softplus"
HABITS |= {name: f"write np.{name}(t)" for name in _NUMPY_HABITS.split()}
HABITS |= {name: f"write tinygrad_softmax.{name}(t)" for name in _OWN_HABITS.split()}
