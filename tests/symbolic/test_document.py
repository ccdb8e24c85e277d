"""A derivation as a document: told from the loss back, complete, and true at every step."""

import re
import shutil
import subprocess

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.symbolic.programs import PROGRAMS, derived
from tinygrad_softmax.symbolic.document import prose
from tinygrad_softmax.symbolic.tex import name, tex

rng = np.random.default_rng(4)


def test_the_stages_lead_from_the_loss_to_the_parameters():
    stages = derived("question").stages
    assert [stage.gradient for stage in stages] == [
        "dreg_loss", "ddata_loss", "dcorrect_logprobs", "dprobs", "dexp_scores", "dscores", "db",
        "dW"]  # fmt: skip
    chain = {stage.gradient: stage.steps[0].after for stage in stages}
    assert chain["dscores"] == "exp_scores * dexp_scores"
    assert chain["dW"] == "X.T @ dscores + reg * W"
    assert chain["db"] == "np.sum(dscores, axis=0, keepdims=True)"
    assert stages[-1].shape == "(W.shape[0], W.shape[1])"


def test_why_an_axis_is_summed_is_said():
    (db,) = [stage for stage in derived("question").stages if stage.gradient == "db"]
    sentence = dict(db.rules)["broadcasting"]
    assert sentence == (
        "`b` of shape (1, W.shape[1]) was repeated to (num_examples, W.shape[1]), and collects the "
        "gradients of all its copies: their sum."
    )


def test_the_results_of_the_stages_are_the_lines_of_the_function():
    derivation = derived("two_layer")
    results = {stage.gradient: stage.result for stage in derivation.stages}
    for gradient, code in derivation.program.code.items():
        if gradient != "dhidden":
            assert results[gradient] == code
    (dhidden,) = [stage for stage in derivation.stages if stage.gradient == "dhidden"]
    assert dhidden.result == "dhidden = dscores @ W2.T"
    assert "puts the zeros into" in dhidden.note
    assert dhidden.note in derivation.markdown


@pytest.mark.no_cover
@pytest.mark.parametrize("which", PROGRAMS)
def test_a_document_shows_every_step_and_says_where_the_laws_end(which):
    derivation = derived(which)
    text = derivation.markdown
    assert derivation._repr_markdown_() == text
    for step in derivation.steps:
        assert step.sentence in text or step.law == "chain_rule"
        assert f"= {step.after}" in text
    assert text.count("No law shortens") == len(derivation.stages)
    assert "They agree to" in text
    assert derivation.source in text
    assert "Not compared" not in text


def test_presentation_is_told_too():
    laws = {step.law for which in ("sigmoid_by_output", "layer_norm", "multiclass_hinge")
            for step in derived(which).steps}  # fmt: skip
    assert {"complement", "constant_into_sum"} <= laws


def test_gradients_are_told_for_a_loss_without_names():
    derivation = tg.derive(lambda w, X: np.sum((X @ w) ** 2), w=np.ones(3), X=np.eye(3))
    assert derivation.markdown.startswith("# The gradient of the loss by `w`")
    (dw,) = derivation.stages
    assert [op for op, _ in dw.rules] == ["sum", "power", "matmul"]


def test_a_loss_with_a_name_is_told_from_its_own_gradient():
    def loss(w):
        total = np.sum(w * w)
        return total  # noqa: RET504 - the name is what this is about

    first, _ = tg.derive(loss, w=np.ones(3)).stages
    assert (first.gradient, first.result, first.rules) == ("dtotal", "dtotal = 1", ())
    assert "`dtotal`, a number" in tg.derive(loss, w=np.ones(3)).markdown


@pytest.mark.no_cover
@pytest.mark.parametrize("stable", [False, True])
@pytest.mark.parametrize("which", PROGRAMS)
def test_latex_is_balanced_and_in_the_users_names(which, stable):
    derivation = derived(which, stable)
    text = derivation._repr_latex_()
    assert text == derivation.latex
    outside = re.sub(r"\\begin\{verbatim\}.*?\\end\{verbatim\}", "", text, flags=re.DOTALL)
    bare = outside.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")
    assert outside.count(r"\left(") == outside.count(r"\right)")
    assert outside.count(r"\begin") == outside.count(r"\end")
    assert "`" not in outside
    assert not re.search(r"(?<!\\)_(?!\{)", outside)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine")
def test_latex_compiles(tmp_path):
    head = r"\documentclass{article}\usepackage{amsmath}\begin{document}"
    body = "\n".join(derived(which, stable).latex for which in PROGRAMS for stable in (False, True))
    (tmp_path / "all.tex").write_text(head + body + r"\end{document}", "utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("dW = X.T @ dscores", r"\mathrm{d}W = X^{\top} \, \mathit{dscores}"),
        ("a - (b - c)", r"a - \left(b - c\right)"),
        ("-(a + b)", r"-\left(a + b\right)"),
        ("(a * b) ** 2", r"\left(a \odot b\right)^{2}"),
        ("2 * n * a", r"2 \, n \, a"),
        ("a * -b", r"a \odot \left(-b\right)"),
        ("a * 2", r"a \cdot 2"),
        ("-n * a", r"-n \, a"),
        ("X.shape[0] * a", r"\left|X\right|_{0} \, a"),
        ("a / b / c", r"\frac{\frac{a}{b}}{c}"),
        ("1e-05 + 2.5e+30", r"10^{-5} + 2.5 \cdot 10^{30}"),
        ("~a", r"\neg a"),
        ("+a", "+a"),
        ("a > 0", "[a > 0]"),
        ("a in b", "[a ? b]"),
        ("a[:, None] * b[:]", r"a \odot b"),
        ("a[1:, ::2]", r"a_{[1:,\; ::2]}"),
        ("a[y][z]", r"(a_{[y]})_{[z]}"),
        ("np.sum(a * b)", r"\sum a \odot b"),
        ("np.max(a + b, axis=0)", r"\max_{\text{axis }0} \left(a + b\right)"),
        ("np.maximum(0, a)", r"\max\left(0,\; a\right)"),
        ("np.sqrt(a)", r"\sqrt{a}"),
        ("a.copy()", "a"),
        ("a.astype(float)", r"a.\operatorname{astype}\left(\mathit{float}\right)"),
        ("np.where(m, a, b)", r"\operatorname{where}\left(m,\; a,\; b\right)"),
        ("np.einsum('ij->j', a, out=b)",
         r"\operatorname{einsum}\left(\texttt{ij->j},\; a,\; \mathrm{out}=b\right)"),
        ("np.add.at(a, y, b)", r"a_{[y]} \mathrel{+}= b"),
        ("np.subtract.at(a, y, b)", r"a_{[y]} \mathrel{-}= b"),
        ("a /= 2", r"a \mathrel{/}= 2"),
        ("a *= 2", r"a \mathrel{\cdot}= 2"),
        ("a.size", r"a.\mathrm{size}"),
        ("at[range(N), y](1)", r"\left(1\right)\big|_{[1 \ldots N,\; y]}"),
        ("lambda: a", r"\texttt{lambda: a}"),
        ("f(a)", r"\operatorname{f}\left(a\right)"),
        ("[a, b]", r"\left(a,\; b\right)"),
        ("pass", r"\texttt{pass}"),
    ],
)  # fmt: skip
def test_code_is_typeset(code, expected):
    assert tex(code, {"n"}) == expected


def test_names_are_typeset():
    assert [name(n) for n in ("W", "W2", "dW2", "db", "dgamma", "mu", "exp_x", "dscores")] == [
        "W", "W_{2}", r"\mathrm{d}W_{2}", r"\mathrm{d}b", r"\mathrm{d}\gamma", r"\mu",
        r"\mathit{exp\_x}", r"\mathit{dscores}"]  # fmt: skip


def test_sentences_are_set_with_code_in_them():
    assert prose("``a_b`` & `c`: 5 %") == r"\texttt{a\_b} \& \texttt{c}: 5 \%"
