"""Train on more rows than the memory that is allowed.

Writes a file of random examples (float32, 100 columns, 10 classes), and then forbids itself to take
more memory than a quarter of it. You will see that the file cannot be loaded; that the classifier
trains on it all the same, block by block, while its loss falls and its memory hardly grows; and how
many of the examples it gets right. With ``--workers`` the blocks go to the processes of a Dask
cluster on this machine (extra `dask`); ``--kill`` trains a second time, kills one of them in the
middle, and compares the results.

    python demos/out_of_core.py [--gigabytes G] [--iterations N] [--workers N [--kill]]

Seconds with the 0.2 gigabytes that it starts with; 5 take minutes, and as much room on the disk.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from tinygrad_softmax import SoftmaxClassifier

COLUMNS, CLASSES = 100, 10
BLOCK = 50_000  # rows, 20 MB
MB = 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=0.2, help="of examples")
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--workers", type=int, help="processes of a Dask cluster")
    parser.add_argument("--kill", action="store_true", help="one of the workers, on the way")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "examples.npy"
        labels = write(file, int(options.gigabytes * 1e9 / (4 * COLUMNS)))
        size = file.stat().st_size
        print(f"{len(labels)} examples in a file of {size / MB:.0f} MB")
        if options.workers:
            train_on_workers(file, labels, options)
        else:
            train_here(file, labels, options.iterations, allowance=size / 4)


def write(file: Path, n_rows: int) -> np.ndarray:
    """Write so many random examples, a block at a time; return their classes."""
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((COLUMNS, CLASSES), dtype=np.float32)
    labels = np.empty(n_rows, np.uint8)
    with file.open("wb") as out:
        header = {"shape": (n_rows, COLUMNS), "fortran_order": False, "descr": "<f4"}
        np.lib.format.write_array_header_1_0(out, header)
        for start in range(0, n_rows, BLOCK):
            block = rng.standard_normal((min(BLOCK, n_rows - start), COLUMNS), dtype=np.float32)
            block.tofile(out)
            labels[start : start + BLOCK] = (block @ truth).argmax(axis=1)
    return labels


def train_here(file: Path, labels: np.ndarray, iterations: int, allowance: float) -> None:
    """Train in this process, on a file that is mapped into memory and never loaded."""
    X = np.load(file, mmap_mode="r")
    SoftmaxClassifier().fit(np.eye(2), [0, 1])  # loads the libraries, which need memory, too
    if limit(allowance):
        print(f"no more than {allowance / MB:.0f} MB of memory from here on")
        try:
            np.array(X)
        except MemoryError as error:
            print(f"to load the file: {error}")
    classifier = SoftmaxClassifier(max_iter=iterations, verbose=2)
    classifier.fit(X, labels)
    print(f"training accuracy: {classifier.score(X, labels):.2f}")
    print(f"at most {peak() / MB:.0f} MB were resident, Python and NumPy included")


def train_on_workers(file: Path, labels: np.ndarray, options: argparse.Namespace) -> None:
    """Train on a Dask array whose blocks are read where they are needed."""
    import dask.array as da
    from distributed import Client, LocalCluster

    n_blocks = -(-len(labels) // BLOCK)
    rows = tuple(min(BLOCK, len(labels) - i * BLOCK) for i in range(n_blocks))
    X = da.map_blocks(read, file=file, chunks=(rows, (COLUMNS,)), dtype=np.float32,
                      meta=np.empty((0, 0), np.float32))  # fmt: skip
    label_file = file.with_name("labels.npy")
    np.save(label_file, labels)
    y = da.map_blocks(read, file=label_file, chunks=(rows,), dtype=labels.dtype, meta=labels[:0])
    cluster = LocalCluster(options.workers, threads_per_worker=1, dashboard_address=":0",
                           silence_logs=50)  # fmt: skip
    settings = {"max_iter": options.iterations}
    with cluster, Client(cluster) as client, watching() as most:
        classifier = SoftmaxClassifier(verbose=2, **settings).fit(X, y)
        print(f"training accuracy: {classifier.score(X, y):.2f}")
        if options.kill:
            victim = next(iter(client.run(os.getpid).values()))

            def kill(iteration: int, loss: float, classifier: SoftmaxClassifier) -> None:
                if iteration == 1:  # a moment later, when it is at work on the next step
                    threading.Timer(0.05, os.kill, (victim, signal.SIGKILL)).start()
                    print("once more; a worker is killed")

            again = SoftmaxClassifier(callback=kill, **settings).fit(X, y)
            pairs = zip(classifier.parameters_, again.parameters_, strict=True)
            print(f"largest difference: {max(np.max(np.abs(p - q)) for p, q in pairs)}")
    print(f"all processes together had at most {most[0] / MB:.0f} MB resident")


@contextmanager
def watching() -> Iterator[list[int]]:
    """Look ten times a second how much memory this process and its children have; keep the most."""
    import psutil  # comes with Dask's cluster

    most, done, here = [0], threading.Event(), psutil.Process()

    def watch() -> None:
        while not done.wait(0.1):
            with suppress(psutil.Error):  # one has just ended
                family = [here, *here.children(recursive=True)]
                most[0] = max(most[0], sum(member.memory_info().rss for member in family))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        done.set()
        thread.join()


def read(block_id: tuple[int, ...], file: Path) -> np.ndarray:
    """Return a block of the file; run wherever there is a worker that sees it."""
    start = block_id[0] * BLOCK
    return np.array(np.load(file, mmap_mode="r")[start : start + BLOCK])


def limit(allowance: float) -> bool:
    """Forbid this process to take more memory than it has and this many bytes; where that works."""
    try:
        import resource

        status = Path("/proc/self/status").read_text()
    except (ImportError, FileNotFoundError):
        return False
    (kilobytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmData"))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (1024 * int(kilobytes) + int(allowance), hard))
    return True


def peak() -> int:
    """Return the most memory that this process has had, in bytes; 0 where nobody knows."""
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
