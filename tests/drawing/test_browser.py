"""The page of a drawing in a real browser: headless Chromium, where there is one, and Selenium."""

from contextlib import contextmanager

import pytest

from tests.drawing.graphs import GRAPHS, question, recurrent, toy
from tests.drawing.test_written import NASTY, nasty

keys = pytest.importorskip("selenium.webdriver.common.keys", reason="selenium is not installed")
Keys = keys.Keys


@contextmanager
def scheme(page, name):
    page.media(color_scheme=name)
    yield page.run("return getComputedStyle(document.documentElement).backgroundColor")


def inside(page, inner, outer=".scroll"):
    """Whether a thing is to be seen as a whole, in what scrolls around it and in the window."""
    return page.run("""
        const [a, b] = [...arguments].map((it) => document.querySelector(it))
          .map((it) => it.getBoundingClientRect());
        return a.top >= b.top && a.bottom <= b.bottom && a.left >= b.left && a.right <= b.right
          && b.top >= 0 && b.bottom <= innerHeight""", inner, outer)  # fmt: skip


def test_it_steps_through_the_backward_pass_and_back(opened):
    drawing = question()
    page = opened(drawing)
    steps = drawing.picture.steps
    assert (page.step(), page.here()) == (0, [0])
    assert page.text("#said").startswith(f"Step 0 of {steps}: the loss has been computed.")
    assert page.find("#said").get_attribute("aria-live") == "polite"
    assert inside(page, ".box.here")
    assert "Gradient" not in page.text("#panel")  # there is none yet
    page.click("#back")
    assert page.step() == 0
    for k, box in enumerate(drawing.picture.boxes[:steps]):
        page.click("#next") if k % 2 else page.press(Keys.ARROW_RIGHT)
        assert (page.step(), page.here()) == (k + 1, [k])
        assert page.text("#said").startswith(f"Step {k + 1} of {steps}:")
        assert page.text("#panel h2") == box.name
        assert inside(page, ".box.here")
        coming = page.run("return [...document.querySelectorAll('.link.now')]"
                          ".map((link) => Number(link.dataset.to))")  # fmt: skip
        assert sorted(coming) == sorted(arrival.source for arrival in box.arrivals)
        lit = page.run("return [...document.querySelectorAll('#source [aria-current]')]"
                       ".map((line) => Number(line.dataset.line))")  # fmt: skip
        assert lit == [*box.places]
    page.click("#next")
    assert page.step() == steps
    page.press(Keys.ARROW_LEFT)
    assert (page.step(), page.here()) == (steps - 1, [steps - 2])
    page.click("#back")
    assert page.step() == steps - 2
    page.click("#first")
    assert (page.step(), page.here()) == (0, [0])


def test_a_step_has_an_address(opened):
    page = opened(question(), address="#step=5")
    assert (page.step(), page.here()) == (5, [4])
    page.click("#next")
    assert page.driver.current_url.endswith("#step=6")
    assert page.find("#link").get_attribute("href").endswith("#step=6")
    page.run("location.hash = '#step=2'")
    page.wait(lambda: page.step() == 2)
    page.run("location.hash = '#step=99'")
    page.wait(lambda: page.step() == 16)
    page.run("location.hash = '#steps'")
    assert page.step() == 16


def test_it_plays_and_pauses(opened):
    page = opened(toy())
    page.run("window.setInterval = (step) => { window.tick = step; return 7; }")
    page.click("#play")
    assert (page.step(), page.text("#play")) == (1, "Pause")
    page.run("tick()")
    assert page.step() == 2
    page.click("#play")
    assert (page.step(), page.text("#play")) == (2, "Play")
    page.click("#play")
    page.click("#back")  # by hand: it does not go on by itself
    assert (page.step(), page.text("#play")) == (2, "Play")
    page.click("#play")
    page.run("tick(); tick(); tick()")
    assert (page.step(), page.text("#play")) == (4, "Play")
    page.click("#play")
    assert (page.step(), page.text("#play")) == (1, "Pause")  # from the start again


def test_it_zooms(opened):
    page = opened(question())

    def width():
        return page.run("return document.querySelector('.scroll > svg').clientWidth")

    start = width()
    page.click("#in")
    assert width() == pytest.approx(1.25 * start, rel=0.01)
    assert inside(page, ".box.here")
    page.click("#out")
    page.click("#out")
    assert width() == pytest.approx(0.8 * start, rel=0.01)
    page.click("#fit")
    assert page.find("#fit").get_attribute("aria-pressed") == "true"
    assert inside(page, ".scroll > svg")
    page.click("#fit")
    assert page.find("#fit").get_attribute("aria-pressed") == "false"
    assert width() == start


def test_a_box_tells_its_numbers_its_rule_and_its_line(opened):
    drawing = question()
    page = opened(drawing)
    number = {box.name: i for i, box in enumerate(drawing.picture.boxes)}
    page.click(f'[data-box="{number["W"]}"]')
    entries = [e.text for e in page.driver.find_elements("css selector", "#panel td")]
    W = drawing.picture.boxes[number["W"]]
    assert entries == [
        text for rows in (W.value.table, W.slope.table) for row in rows for text in row
    ]
    told = page.text("#panel")
    assert "dW = X.T @ dscores + reg * W" in told
    assert "W[d, k] was multiplied by X[i, d] for every i" in told
    assert "which uses it 2 times" in told
    page.click(f'[data-box="{number["scores"]}"]')
    told = page.text("#panel")
    assert "dscores[range(num_examples), y] -= 1" in told
    assert "300 × 3 numbers from" in told
    assert "40 of the 300 rows are shown. The rows are sorted by y." in told
    assert page.text("#panel .groups").split() == ["0", "1", "2"]
    assert page.text("#panel .scale").split() == ["-0.01118", "0", "0.01118"]
    maps = page.driver.find_elements("css selector", "#panel canvas[role=img]")
    assert [m.get_attribute("aria-label").split(":")[0] for m in maps] == [
        "Heat map of scores",
        "Heat map of dscores",
    ]
    painted = page.run(
        "const c = document.querySelector('#panel canvas');"
        "return new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
    )
    assert painted > 10
    page.click("#panel .link-to")
    assert page.here() == [number["exp_scores"]]
    page.click(f'[data-box="{number["X"]}"]')
    assert page.text("#said") == "X is given, and needs no gradient."
    assert page.step() == number["exp_scores"] + 1


def test_it_is_used_by_keyboard_alone(opened):
    drawing = question()
    page = opened(drawing)
    order = page.run("return [...document.querySelectorAll('.box[tabindex=\"0\"]')]"
                     ".map((box) => Number(box.dataset.box))")  # fmt: skip
    assert order == [*range(len(drawing.picture.boxes))]
    page.press(Keys.TAB)
    assert page.driver.switch_to.active_element.text == "Skip the graph"
    for _ in range(4):
        page.press(Keys.TAB)
        if page.driver.switch_to.active_element.get_attribute("data-box"):
            break
    for _ in range(3):
        page.press(Keys.TAB)
    i = int(page.driver.switch_to.active_element.get_attribute("data-box"))
    page.press(Keys.ENTER)
    assert page.here() == [i]
    focused = page.driver.switch_to.active_element
    assert focused.get_attribute("aria-pressed") == "true"
    assert focused.get_attribute("role") == "button"
    page.press(Keys.ARROW_RIGHT)
    assert int(page.driver.switch_to.active_element.get_attribute("data-box")) == i + 1
    page.press(Keys.SPACE)
    assert page.here() == [i + 1]
    page.press("x")
    assert page.here() == [i + 1]


def test_a_copy_leads_to_what_it_is_a_copy_of(opened):
    page = opened(recurrent())
    copy = page.run("const c = document.querySelector('.again');"
                    "c.dispatchEvent(new MouseEvent('click', {bubbles: true}));"
                    "return Number(c.dataset.box)")  # fmt: skip
    assert page.here() == [copy]


def test_what_things_are_called_is_never_read_as_markup(opened):
    page = opened(nasty())
    page.press(Keys.ARROW_RIGHT)
    page.press(Keys.ARROW_RIGHT)
    shown = page.run("return document.querySelector('#panel h2').textContent")
    assert shown == NASTY
    assert page.run("return document.querySelectorAll('b, script').length") == 3  # the page's own


@pytest.mark.parametrize("name", GRAPHS)
def test_no_text_leaves_its_box_and_none_overlaps(opened, name):
    page = opened(GRAPHS[name]())
    assert (
        page.run("""
        const problems = [];
        for (const box of document.querySelectorAll('.scroll .box')) {
          const frame = box.querySelector('.outline').getBBox();
          for (const text of box.querySelectorAll('text:not(.mark)')) {
            const it = text.getBBox();
            if (it.x < frame.x + 2 || it.x + it.width > frame.x + frame.width - 2
                || it.y < frame.y || it.y + it.height > frame.y + frame.height)
              problems.push(text.textContent);
          }
        }
        const all = [...document.querySelectorAll('.scroll .shape, .scroll .outline')]
          .map((one) => [one, one.getBBox()]);
        for (const [a, p] of all) for (const [b, q] of all)
          if (a !== b && p.x < q.x + q.width && q.x < p.x + p.width
              && p.y < q.y + q.height && q.y < p.y + p.height)
            problems.push(a.textContent + ' over ' + b.textContent);
        return problems""")
        == []
    )


@pytest.mark.parametrize("name", ["question", "recurrent"])
def test_it_fits_a_phone(opened, name):
    page = opened(GRAPHS[name](), width=390, height=800)
    for _ in range(3):
        assert page.run("return document.documentElement.scrollWidth") <= 390
        assert page.run("const it = document.querySelector('.scroll');"
                        "return it.scrollWidth - it.clientWidth") <= 0  # fmt: skip
        buttons = page.driver.find_elements("css selector", ".buttons button")
        assert len({button.rect["y"] for button in buttons}) == 1
        assert all(button.rect["height"] >= 44 for button in buttons)
        page.click("#next")
        assert inside(page, ".box.here")
        assert page.run("const it = document.querySelector('#said').getBoundingClientRect();"
                        "return it.top > 0 && it.bottom <= innerHeight")  # fmt: skip
    page.click("#in")
    assert page.run("return document.documentElement.scrollWidth") <= 390


def test_it_follows_the_reader_in_colours_and_motion(opened):
    page = opened(question())
    page.click("#next")
    page.click("#next")
    moving = "return getComputedStyle(document.querySelector('.now path.up')).animationName"
    assert page.run(moving) == "none"
    with scheme(page, "light") as ground:
        assert ground == "rgb(255, 255, 255)"
    with scheme(page, "dark") as ground:
        assert ground == "rgb(21, 24, 28)"
        assert page.run(moving) == "flow"  # motion is not reduced any more
        fill = page.run("return getComputedStyle(document.querySelector('.graph .name')).fill")
        assert fill == "rgb(240, 242, 244)"


def test_it_works_in_the_frame_of_a_notebook(opened, tmp_path):
    page = opened(toy())
    (tmp_path / "notebook.html").write_text(f'<link rel="icon" href="data:,">{toy()._repr_html_()}')
    page.driver.get((tmp_path / "notebook.html").as_uri())
    page.driver.switch_to.frame(0)
    page.click("#next")
    assert (page.step(), page.here()) == (1, [0])
    assert not page.find("#link").is_displayed()
    page.driver.switch_to.default_content()


def test_the_svg_opens_by_itself(opened, tmp_path):
    page = opened(question())
    question().save(tmp_path / "graph.svg")
    page.driver.get((tmp_path / "graph.svg").as_uri())
    assert page.run("return document.querySelectorAll('.box').length") == 20
