"""What a program and its author see of the package: its names, and nothing of its inside."""

import pydoc

import tinygrad_softmax as tg


def test_completion_offers_the_public_names_only():
    offered = {name for name in dir(tg) if not name.startswith("_")}
    assert offered == {*tg.__all__}
    assert len(tg.__all__) == len({*tg.__all__})
    assert not offered & {"core", "ops", "checker", "ir", "debug", "commands"}


def test_every_public_name_is_there_and_documented():
    for name in tg.__all__:
        assert getattr(tg, name).__doc__, name


def test_help_lists_every_public_name():
    text = pydoc.render_doc(tg, renderer=pydoc.plaintext)
    for name in tg.__all__:
        assert name in text, name
    for sentence in ("Derive the hand-written gradient of a loss.",
                     "Compare a hand-written gradient with the true one",
                     "Compile a loss and its gradients to NumPy that works in place.",
                     "Draw the graph of a loss", "Explain the gradient of a loss in words",
                     "Softmax classifier, linear or with hidden"):  # fmt: skip
        assert sentence in text, sentence


def test_a_star_import_brings_every_public_name():
    space = {}
    exec("from tinygrad_softmax import *", space)
    assert {*tg.__all__} <= space.keys()
    assert space.keys() - {*tg.__all__} <= {"__builtins__"}
