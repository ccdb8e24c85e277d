"""A derivation as a document: chains of equalities in the learner's names, true at every step."""

import re
from functools import cache

import numpy as np
import pytest

from tests.explanation.losses import EVERY
from tests.explanation.reading import Reader
from tinygrad_softmax.derivation import derive
from tinygrad_softmax.ir.document import Account, document, steps
from tinygrad_softmax.ir.parts import latex, markdown, plain


@cache
def derived(name):
    program = EVERY[name]
    return derive(program.loss, program.wrt, **program.inputs)


@cache
def parts(name):
    return tuple(document(derived(name)))


@pytest.mark.no_cover
@pytest.mark.parametrize("name", EVERY)
def test_the_members_of_a_chain_are_equal(name):
    found = steps(derived(name))
    assert all(step.difference < 1e-8 for step in found)
    assert all(step.sentence.endswith(".") and step.before != step.after for step in found)


@pytest.mark.no_cover
@pytest.mark.parametrize("name", EVERY)
def test_every_name_means_something_and_every_formula_is_true(name):
    derivation = derived(name)
    reader = Reader(Account(derivation)._numbers(derivation.given)[0])
    reader.parts(parts(name))
    assert reader.read > 5


@pytest.mark.no_cover
@pytest.mark.parametrize("name", EVERY)
def test_a_chain_ends_with_the_lines_of_the_function(name):
    derivation = derived(name)
    chains = list(Account(derivation).chains())
    last = "\n".join(chain.members[-1].text for chain in chains)
    assert last == derivation.program.gradient
    text = plain(parts(name))
    assert re.search(r"compared with", text)
    for line in derivation.source.splitlines():
        assert line in text


def test_the_question():
    (dscores, dW, db) = Account(derived("question")).chains()
    assert [member.text for member in dscores.members] == [
        "dscores = dexp_scores * exp_scores",
        "dscores = probs * (dprobs - np.sum(probs * dprobs, axis=1, keepdims=True))",
        "dscores = probs.copy()\ndscores[range(num_examples), y] -= 1\ndscores /= num_examples",
    ]
    assert [member.text for member in dW.members] == [
        "dW = X.T @ dscores + 0.5 * reg * W + 0.5 * reg * W",
        "dW = X.T @ dscores + reg * W",
    ]
    assert dscores.members[1].reasons[-1] == "`exp_scores / sum_exp_scores` is `probs`."
    assert dW.members[1].reasons == ("Like terms are combined.",)
    assert [member.text for member in db.members] == ["db = np.sum(dscores, axis=0, keepdims=True)"]
    (_, repeated) = db.members[0].reasons
    assert repeated.endswith("(7, 3), so its gradient is summed over axis 0.")


def test_the_question_is_short():
    """At most four pages of LaTeX: some 45 lines of 90 letters each, with room for formulas."""
    text = plain(parts("question"))
    assert len(text.splitlines()) < 120
    assert len(latex(parts("question"))) < 9000


def test_a_mask_is_put_into_the_same_array():
    chains = [chain for chain in Account(derived("two_layer")).chains()
              if chain.gradient == "dhidden"]  # fmt: skip
    first, second = chains
    assert (first.of, second.of) == ("hidden", "X @ W + b")
    assert second.members[-1].text == "dhidden[hidden <= 0] = 0"
    assert "put into the array `dhidden`" in " ".join(second.members[-1].reasons)


def test_a_loss_without_names():
    derivation = derive(lambda w, X: np.sum((X @ w) ** 2), w=np.ones(3), X=np.eye(3))
    text = markdown(document(derivation))
    assert text.startswith("# The gradient of `loss` with respect to `w`")
    assert all(step.difference < 1e-8 for step in steps(derivation))


@pytest.mark.no_cover
@pytest.mark.parametrize("name", EVERY)
def test_latex_is_balanced_and_in_the_users_names(name):
    text = latex(parts(name))
    outside = re.sub(r"\\begin\{verbatim\}.*?\\end\{verbatim\}", "", text, flags=re.DOTALL)
    bare = outside.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")
    assert outside.count(r"\left(") == outside.count(r"\right)")
    assert outside.count(r"\begin") == outside.count(r"\end")
    assert "`" not in outside
    assert not re.search(r"(?<!\\)_(?!\{)", outside)
    assert r"\right|_" not in outside
