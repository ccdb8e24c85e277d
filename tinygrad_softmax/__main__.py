"""The command `tinygrad-softmax`, for where no script is installed.

Imports `commands`, which has all of it.

    python -m tinygrad_softmax derive module:loss W=2x3 b=1x3 X=300x2 y=300:3 reg=1e-3 --wrt W,b
"""

from .commands import main

if __name__ == "__main__":  # pragma: no branch - it is only ever run
    raise SystemExit(main())
