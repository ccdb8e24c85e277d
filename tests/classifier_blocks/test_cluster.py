"""On a cluster of two workers, one of which dies in the middle of training, nothing changes."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from tinygrad_softmax import SoftmaxClassifier

da = pytest.importorskip("dask.array", reason="needs the extra `dask`")
distributed = pytest.importorskip("distributed", reason="needs the extra `dask`")

ROWS, D, BLOCKS = 50, 4, 8
pytestmark = pytest.mark.filterwarnings("ignore:.* did not converge")  # a few steps suffice here


def make(block_id, orders):
    """A block of rows; whoever finds orders to die does so, once, while it makes the fifth."""
    if block_id[0] == 4:
        try:
            Path(orders).unlink()
        except FileNotFoundError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    return np.random.default_rng(block_id[0]).standard_normal((ROWS, D))


def label(X):
    return (X[:, :3] + X[:, :1] * X[:, 1:2]).argmax(axis=1)


@pytest.fixture
def client():
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    )
    with cluster, distributed.Client(cluster) as client:
        yield client


# Dask leaves sockets to the garbage collector.
@pytest.mark.no_cover
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no such signal")
def test_a_worker_killed_in_the_middle_changes_nothing(client, tmp_path):
    orders = tmp_path / "die"
    X = da.map_blocks(make, chunks=((ROWS,) * BLOCKS, (D,)), orders=str(orders), dtype=float,
                      meta=np.empty((0, 0)))  # fmt: skip
    y = X.map_blocks(label, dtype=int, drop_axis=1, meta=np.empty(0, int))
    workers = set(client.run(os.getpid).values())
    assert os.getpid() not in workers

    def give_orders(iteration, loss, classifier):
        if iteration == 2:
            orders.touch()

    settings = {"max_iter": 6, "random_state": 0}
    undisturbed = SoftmaxClassifier(**settings).fit(X, y)
    disturbed = SoftmaxClassifier(callback=give_orders, **settings).fit(X, y)

    assert not orders.exists()
    client.wait_for_workers(2, timeout=300)
    assert len(workers & set(client.run(os.getpid).values())) == 1  # one is another process
    # usually to the bit; where an array lies in memory may change how a matrix product is rounded
    np.testing.assert_allclose(disturbed.loss_curve_, undisturbed.loss_curve_, rtol=1e-13)
    for p, q in zip(disturbed.parameters_, undisturbed.parameters_, strict=True):
        np.testing.assert_allclose(p, q, rtol=0, atol=1e-13)

    blocks = [make((i,), orders) for i in range(BLOCKS)]
    here = SoftmaxClassifier(**settings).fit(np.vstack(blocks), np.hstack(list(map(label, blocks))))
    for p, q in zip(disturbed.parameters_, here.parameters_, strict=True):
        np.testing.assert_allclose(p, q, rtol=0, atol=1e-10)
    assert disturbed.predict(X).compute().shape == (ROWS * BLOCKS,)
