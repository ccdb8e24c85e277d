"""The engine: what an op is, the tape, the reverse pass, the Tensor, and functions of functions.

Read `shapes`, `op`, `tape`, `reverse` and `tensor` first; `docs/engine.md` is the guide.
"""
