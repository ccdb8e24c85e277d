"""The Tensor as a value: data, names, text; and recording, which is per thread and async task."""

import asyncio
import copy
import threading

import numpy as np
import pytest

from tinygrad_softmax import (
    DataError,
    GradientLostError,
    ShapeError,
    Tensor,
    no_grad,
)
from tinygrad_softmax.ops.elementwise import exp

# --- recording ------------------------------------------------------------------------------------


def test_no_grad_records_nothing_as_a_context_and_as_a_decorator():
    W = Tensor([1.0])

    @no_grad()
    def double():
        return 2 * W

    with no_grad():
        assert not (2 * W).requires_grad
    assert not double().requires_grad
    assert (2 * W).requires_grad


def test_recording_comes_back_after_an_error_and_after_nesting():
    W = Tensor([1.0])
    with no_grad():
        with no_grad():
            pass
        assert not (2 * W).requires_grad
    with pytest.raises(ZeroDivisionError), no_grad():
        1 / 0  # noqa: B018 - raised on purpose, to leave the context by an exception
    assert (2 * W).requires_grad


def test_threads_record_independently():
    W = Tensor([1.0])
    barrier = threading.Barrier(2, timeout=300)  # for a deadlock, not for a busy machine
    recorded = {}

    def quiet():
        with no_grad():
            barrier.wait()
            recorded["quiet"] = (2 * W).requires_grad
            barrier.wait()

    def loud():
        barrier.wait()
        recorded["loud"] = (2 * W).requires_grad
        barrier.wait()

    threads = [threading.Thread(target=run) for run in (quiet, loud)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorded == {"quiet": False, "loud": True}


def test_async_tasks_record_independently():
    W = Tensor([1.0])

    async def task(quiet):
        if not quiet:
            await asyncio.sleep(0)
            return (2 * W).requires_grad
        with no_grad():
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return (2 * W).requires_grad

    async def both():
        return await asyncio.gather(task(True), task(False))

    assert asyncio.run(both()) == [False, True]


def test_threads_differentiate_at_the_same_time():
    results = {}

    def work(k):
        W = Tensor(np.full(50, float(k)))
        for _ in range(50):
            np.sum(W * W).backward()
        results[k] = W.grad

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(4):
        np.testing.assert_array_equal(results[k], 2.0 * k)


def test_detach_is_a_constant_with_the_same_values():
    x = Tensor(3.0)
    frozen = (x * x).detach()
    assert not frozen.requires_grad
    (x * frozen).backward()
    assert x.grad == 9


# --- data -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_the_floating_type_is_kept_forward_and_backward(dtype):
    W = Tensor(np.ones((3, 2), dtype))
    scores = np.ones((4, 3), dtype) @ W + 1
    loss = 0.5 * np.sum(scores**2) / 4 - 2.0
    loss.backward()
    assert {scores.dtype, loss.dtype, W.grad.dtype, scores.grad.dtype} == {np.dtype(dtype)}


def test_a_float32_parameter_among_float64_data_gets_a_float32_gradient():
    W = Tensor(np.ones((3, 2), np.float32))
    loss = np.sum(np.ones((4, 3)) @ W)
    loss.backward()
    assert loss.dtype == np.float64
    assert W.grad.dtype == np.float32


def test_plain_numbers_and_lists_become_float64():
    assert Tensor(1.5).dtype == Tensor([[1.5]]).dtype == np.float64


def test_data_can_be_replaced_by_the_same_shape_in_its_own_type():
    W = Tensor(np.ones(3, np.float32), name="W")
    W.data = np.full(3, 0.1)
    assert W.data.dtype == np.float32
    constant = Tensor([1.0], requires_grad=False)
    constant.data = [2.0]
    assert not constant.requires_grad
    with pytest.raises(ShapeError, match=r"W \(3,\) cannot take data of shape \(2,\)"):
        W.data = np.ones(2)
    with pytest.raises(DataError, match="int64"):
        W.data = np.ones(3, np.int64)
    with pytest.raises(GradientLostError, match="result of an op"):
        (W * 2).data = np.ones(3)


def test_shape_and_its_relatives_are_those_of_the_array():
    t = Tensor(np.ones((4, 3)))
    assert (t.shape, t.ndim, t.size, len(t), t.dtype) == ((4, 3), 2, 12, 4, np.float64)
    assert (np.shape(t), np.ndim(t), np.size(t)) == ((4, 3), 2, 12)
    for needs_an_axis in (len, lambda scalar: next(iter(scalar))):
        with pytest.raises(TypeError, match="0-d"):
            needs_an_axis(Tensor(1.0))


def test_rows_can_be_looped_over_and_their_gradients_come_together():
    t = Tensor(np.arange(6.0).reshape(3, 2))
    sum(np.sum(row * i) for i, row in enumerate(t)).backward()
    np.testing.assert_array_equal(t.grad, [[0, 0], [1, 1], [2, 2]])


def test_item_and_numpy_leave_the_tape_on_purpose():
    t = Tensor([1.5])
    assert t.item() == 1.5
    assert type(t.item()) is float
    assert t.numpy() is t.data


def test_a_tensor_is_as_true_as_its_entry():
    assert Tensor(1.0)
    assert not Tensor(0.0)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(Tensor([1.0, 2.0]))


def test_a_constant_may_become_a_plain_array_or_number():
    t = Tensor(1.5, requires_grad=False)
    assert (float(t), int(t)) == (1.5, 1)
    array = np.asarray(Tensor([1.5], requires_grad=False), dtype=np.float32)
    assert array.dtype == np.float32


def test_tensors_hash_by_identity_and_compare_entry_by_entry():
    t = Tensor([1.0, 2.0])
    assert len({t, t, Tensor([1.0, 2.0])}) == 2
    assert (t == [1.0, 3.0]).tolist() == [True, False]
    assert (t != [1.0, 3.0]).tolist() == [False, True]
    assert type(t < 2) is np.ndarray
    assert t not in [None, "a"]


# --- text -----------------------------------------------------------------------------------------


def test_the_text_says_where_a_tensor_comes_from():
    W = Tensor([[1.0, 2.0], [3.0, 4.0]], name="W")
    assert repr(W) == "Tensor([[1., 2.],\n        [3., 4.]], name='W', parameter)"
    assert repr(np.exp(Tensor(0.0))) == "Tensor(1., by exp)"
    assert repr(Tensor(0.5, requires_grad=False)) == "Tensor(0.5)"
    assert repr(Tensor(np.float32(1.5))) == "Tensor(1.5, dtype=float32, parameter)"


def test_a_loss_formats_as_the_number_it_is():
    assert f"iteration 10: loss {Tensor(0.9172650):.6f}" == "iteration 10: loss 0.917265"
    assert f"{Tensor([1.0])}" == "[1.]"


def test_a_name_can_be_given_later():
    t = Tensor(1.0)
    assert t.name is None
    t.name = "bias"
    assert t.name == "bias"
    assert "bias" in repr(t)
    constant = Tensor(1.0, requires_grad=False)
    constant.name = "c"
    assert constant.name == "c"


def test_a_notebook_shows_values_and_gradient_side_by_side():
    W = Tensor(np.array([[1.5, -2.0]]), name="<W>")
    shown = W._repr_html_()
    assert "&lt;W&gt; (1, 2) float64 parameter" in shown
    assert "<td>1.5</td><td>-2</td>" in shown
    assert "gradient" not in shown
    loss = np.sum(W * W)
    assert "Tensor () float64 by sum" in loss._repr_html_()
    loss.backward()
    assert "gradient</i><table><tr><td>3</td><td>-4</td>" in W._repr_html_()


@pytest.mark.parametrize("shape", [(), (3,), (0, 3), (2, 3, 4), (100, 2), (2, 100), (9, 9)])
def test_a_notebook_shows_arrays_of_any_shape(shape):
    shown = Tensor(np.ones(shape))._repr_html_()
    assert f"{shape} float64 parameter" in shown
    assert ("from 1 to 1" in shown) == (max(shape, default=1) > 8)
    assert ("no entries" in shown) == (0 in shape)


def test_a_tensor_is_copied_listed_and_cast_as_an_array_is():
    t = Tensor(np.array([[1.0, 2.0], [3.0, 4.0]]), name="t")
    twin = copy.copy(t)
    assert twin.name == "t"
    assert twin.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    np.testing.assert_array_equal(t.mT.data, t.data.T)
    assert {"shape", "backward"} <= set(dir(t))
    with pytest.raises(TypeError, match="safe"):
        t.astype(np.float32, casting="safe")


def test_an_op_is_copied_as_itself():
    op = exp
    assert copy.copy(op) is op
    assert copy.deepcopy([op])[0] is op
