"""How fast is one training step, as a ratio to the question's own by-hand NumPy?

    python -m tests.benchmarks [--peers] [--rounds N] [--json FILE] [--markdown] [WORKLOAD ...]

A step is loss, gradients and update. Every contender runs in a process of its own and all take
turns, so that whatever else the machine does falls on each. Results are first checked equal.
"""
