"""The engine: what an op is, the tape, the reverse pass, the Tensor, and functions of functions.

Read `op`, `tape`, `reverse`, `tensor`, `transforms`, in this order; `docs/engine.md` is the guide.
"""
