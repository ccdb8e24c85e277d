"""The manual as it is built: complete without the network, on a desk and on a phone."""

import inspect
import os
import re
import shutil
import subprocess
import sys
import time
from html import unescape
from importlib.util import find_spec

import pytest

import tinygrad_softmax
from tests.drawing.browsing import FLAGS, Page
from tests.house.test_docs import DOCS, PAGES, ROOT

for module in ("myst_nb", "furo", "matplotlib", "sphinx_copybutton", "ziamath"):
    pytest.importorskip(module, reason="the manual needs the extra `docs`")

import nbformat  # noqa: E402 - only where the manual can be built

MANUAL = sorted(PAGES.keys() - {"README.md"})
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


def build(source, target):
    """Build a manual as `docs/index.md` says; return the exit status and what was complained of."""
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", "-d", f"{target}/trees"]
    done = subprocess.run(
        [*command, source, f"{target}/html"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture(scope="session")
def manual(tmp_path_factory):
    """The folder of the built manual. It is built once, by the first process that needs it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    said, done = folder / "manual" / "said", folder / "manual" / "done"
    try:
        (folder / "manual").mkdir()
    except FileExistsError:
        while not done.exists():
            time.sleep(0.1)
    else:
        try:
            status, complaints = build(DOCS, folder / "manual")
            said.write_text(complaints if status else "", "utf-8")
        finally:
            done.touch()
    assert said.exists(), "the build has been broken off in another process"
    assert not said.read_text("utf-8"), said.read_text("utf-8")
    return folder / "manual" / "html"


def html_of(manual, page):
    return (manual / page).with_suffix(".html").read_text("utf-8")


def test_the_tutorial_shows_what_it_promises(manual):
    tutorial = html_of(manual, "tutorial.md")
    assert "training accuracy: 0.49" in tutorial
    assert "training accuracy: 0.98" in tutorial
    pictures = re.findall(r'src="(_images/\w+\.svg)"', tutorial)
    assert len(pictures) == 4
    assert all((manual / picture).stat().st_size > 5000 for picture in pictures)


@pytest.mark.parametrize("page", MANUAL)
def test_every_name_is_found(manual, page):
    """Sphinx says nothing of names that it does not find."""
    missing = r'<code class="xref py(?:(?!</code>).)*</code>(?!</a>)'
    assert not re.findall(missing, html_of(manual, page))


def test_nothing_is_loaded_from_elsewhere(manual):
    for page in manual.rglob("*.html"):
        text = page.read_text("utf-8")
        for tag in re.findall(r"<(?:script|link|img|iframe|source|object)\b[^>]*>", text):
            assert not re.search(r'(?:src|href|data|srcset)="(?:\w+:)?//', tag), (page, tag)
    for style in (manual / "_static").rglob("*.css"):
        text = style.read_text("utf-8")
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:\w+:)?//", text), style


def shown(html):
    """The text of a page, without its code."""
    text = re.sub(r"<pre>.*?</pre>", "", html, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", "", text))


def test_formulas_are_typeset_without_a_script(manual):
    page = html_of(manual, "why.md")
    assert page.count("<math") > 30
    assert '<div class="formula"' in page
    assert (manual / "_static" / "formulas.woff").stat().st_size > 50_000
    for each in manual.rglob("*.html"):
        text = each.read_text("utf-8")
        assert "mathjax" not in text.lower(), each
        assert not re.search(r"\\[(\[]|\\frac|\$\$", shown(text)), each


def test_the_reference_says_what_the_docstrings_say(manual):
    reference = html_of(manual, "reference.md")
    text = shown(reference)
    # Of a property the first line is a sentence, also where it has a colon.
    for name, cls in vars(tinygrad_softmax).items():
        for attribute in dir(cls) if isinstance(cls, type) else ():
            it = inspect.getattr_static(cls, attribute)
            if (
                isinstance(it, property)
                and f'id="tinygrad_softmax.{name}.{attribute}"' in reference
            ):
                assert it.__doc__.splitlines()[0].replace("`", "") in text, (name, attribute)
    # What belongs to several parameters is said of them together.
    assert "W, W2 (array_like, shapes (D, H) and (H, K))" in text
    for garbled in ("Alias for field number", "<class", "<function", "<object", " at 0x", "“",
                    ":class:", ":func:", "::\n", "``"):  # fmt: skip
        assert garbled not in text, garbled


def test_chinese_pages_have_chinese_furniture(manual):
    for page in MANUAL:
        text = html_of(manual, page)
        language = re.search(r'<html[^>]* lang="([\w-]+)"', text)[1]
        chinese = page.startswith("zh/")
        assert language == ("zh-CN" if chinese else "en")
        # A drawing is a page in a frame within the article, with furniture of its own.
        around = re.sub(r"<article.*</article>", "", text, flags=re.DOTALL)
        around = re.sub(r'<div class="sidebar-tree">.*?</div>', "", around, flags=re.DOTALL)
        for english in ("Search", "Next", "Previous", "On this page", "Skip to content",
                        "Back to top", "Toggle"):  # fmt: skip
            assert not (chinese and re.search(rf'[">\n] *{english}', around)), (page, english)
        assert not (chinese and 'title="Link to this heading"' in text)
        navigation = re.search(r'<div class="sidebar-tree">(.*?)</div>', text, re.DOTALL)[1]
        parts = re.findall(r'<span class="caption-text">(.*?)</span>', navigation)
        assert [bool(re.search("[a-z]", part)) for part in parts] == 4 * [not chinese] + [False]
        for side in re.findall(r'class="(?:next|prev)-page" href="([^"]+)"', text):
            address = (manual / page).parent.joinpath(side).resolve()
            assert ("zh" in address.relative_to(manual.resolve()).parts) == chinese, (page, side)


def notebooks():
    """The pages that have a notebook, and how it is made."""
    sys.path.insert(0, str(DOCS))
    try:
        from extensions import notebooks as made  # of the manual: not on the path otherwise
    finally:
        sys.path.remove(str(DOCS))
    pages = [p for p in MANUAL if made.has_notebook(p[:-3], PAGES[p].read_text("utf-8"))]
    return pages, made.notebook


def test_the_tutorial_and_the_how_to_pages_have_a_notebook(manual):
    pages, make = notebooks()
    assert {"tutorial.md", "check.md", "ops.md", "debug_nan.md", "why.md", "zh/why.md"} <= {*pages}
    for page in pages:
        link = re.search(r'<p class="notebook"><a download href="([^"]+)"', html_of(manual, page))
        file = (manual / page).parent / link[1]
        nbformat.validate(nbformat.read(file, as_version=4))
        assert nbformat.read(file, as_version=4) == make(PAGES[page])
        prose = "".join(c.source for c in make(PAGES[page]).cells if c.cell_type == "markdown")
        assert not re.search(r"\]\((?!\w+:)|\{\w+\}`|^```\{", prose, re.MULTILINE)


@pytest.mark.parametrize("page", notebooks()[0])
def test_the_cells_of_a_notebook_are_the_code_of_its_page(page):
    """So they run from top to bottom, as the code of the page does."""
    made = [cell for cell in notebooks()[1](PAGES[page]).cells if cell.cell_type == "code"]
    code = []
    for block in re.finditer(r"^```(?:python|\{code-cell\} python)\n(.*?)^```$",
                             PAGES[page].read_text("utf-8"), re.DOTALL | re.MULTILINE):  # fmt: skip
        if block[1].startswith(">>>"):
            lines = (
                line for line in block[1].splitlines() if re.match(r">>> |\.\.\.(?: |$)", line)
            )
            code += (re.sub(r" *# doctest:.*", "", line[4:]) for line in lines)
        else:
            code += (line for line in block[1].splitlines() if not line.startswith(":tags:"))
    cells = "\n".join(cell.source for cell in made).splitlines()
    assert [line for line in cells if line] == [line for line in code if line]


def test_a_notebook_runs_in_jupyter():
    """One with sessions, errors among them: a cell that raises is marked, and the next one runs."""
    client = pytest.importorskip("nbclient", reason="nbclient is not installed")
    notebook = notebooks()[1](PAGES["debug_nan.md"])
    client.execute(notebook, cwd=str(ROOT))
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert [output.ename for output in shown if output.output_type == "error"] == [
        "AnomalyError",
        "AnomalyError",
    ]
    assert any("2.156738" in str(output.get("data")) for output in shown)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if not (CHROMIUM and DRIVER and find_spec("selenium")):
        pytest.skip("chromium, chromedriver or selenium is not installed")
    from selenium import webdriver  # only where it is installed
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS.split(), "--host-resolver-rules=MAP * ~NOTFOUND"]:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield Page(driver)
    driver.quit()


def test_no_page_is_wider_than_the_window(manual, browser):
    for page in sorted(manual.rglob("*.html")):
        browser.driver.get(page.as_uri())
        for width in (1280, 390):
            browser.size(width, 900)
            there = browser.run("return [document.scrollingElement.scrollWidth, innerWidth]")
            assert there[0] <= there[1] == width, (page.name, there)
            # What is wider than its place scrolls in a box of its own.
            outside = browser.run("""
                const outside = [];
                for (const it of document.querySelectorAll('article *')) {
                  const { right, width } = it.getBoundingClientRect();
                  if (!width || right <= innerWidth) continue;
                  let box = it.parentElement;
                  while (box && !/auto|scroll|hidden/.test(getComputedStyle(box).overflowX))
                    box = box.parentElement;
                  if (!box || box === document.documentElement || box === document.body)
                    outside.push(it.outerHTML.slice(0, 100));
                }
                return outside""")
            assert outside == [], (page.name, width)
    assert browser.driver.get_log("browser") == []


def test_formulas_have_their_font_and_their_size(manual, browser):
    browser.size(1280, 900)
    browser.driver.get((manual / "why.html").as_uri())
    browser.wait(lambda: browser.run("return document.fonts.check('16px Formulas')"))
    high = browser.run("return [...document.querySelectorAll('.formula math')]"
                       ".map((it) => it.getBoundingClientRect().height)")  # fmt: skip
    assert len(high) >= 4
    assert min(high) > 20  # a fraction or a sum is higher than a line of text


def test_what_is_copied_can_be_run(manual, browser):
    browser.driver.get((manual / "why.html").as_uri())
    browser.run("""
        const pre = [...document.querySelectorAll('div.highlight pre')]
          .find((it) => it.textContent.startsWith('>>> '));
        document.addEventListener('copy', () => { window.copied = document.activeElement.value; });
        pre.parentElement.querySelector('button.copybtn').focus()""")
    browser.press("\ue007")  # Enter
    copied = browser.run("return window.copied")
    assert "probs.round(3)" in copied
    assert ">>>" not in copied
    assert "array(" not in copied
    assert "\n\n" not in copied
    browser.driver.get((manual / "zh" / "why.html").as_uri())
    tips = browser.run("return document.querySelector('button.copybtn').dataset.tooltip")
    assert tips == "复制"


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [("2 / 0", "ExecutionError"), ("import warnings; warnings.warn('odd')", "mystnb.stderr")],
)
def test_a_cell_that_goes_wrong_fails_the_build(tmp_path, cell, complaint):
    head = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n# Page\n\n"
    shutil.copy(DOCS / "conf.py", tmp_path)
    for folder in ("extensions", "_static", "_templates"):
        shutil.copytree(DOCS / folder, tmp_path / folder)
    (tmp_path / "index.md").write_text(f"{head}```{{code-cell}} python\n{cell}\n```\n", "utf-8")
    status, complaints = build(tmp_path, tmp_path / "built")
    assert status != 0
    assert complaint in complaints


def test_a_formula_that_cannot_be_typeset_fails_the_build(tmp_path):
    shutil.copy(DOCS / "conf.py", tmp_path)
    for folder in ("extensions", "_static", "_templates"):
        shutil.copytree(DOCS / folder, tmp_path / folder)
    (tmp_path / "index.md").write_text("# Page\n\nWith $\\nosuch{x}$ in it.\n", "utf-8")
    status, complaints = build(tmp_path, tmp_path / "built")
    assert status != 0
    assert "index.md:3" in complaints
    assert "nosuch" in complaints
