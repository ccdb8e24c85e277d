"""The page in a real browser: Chromium without a window, where there is one, and Selenium."""

import shutil
from contextlib import contextmanager

import pytest

from tests.drawing.browsing import FLAGS, Page
from tests.drawing.graphs import GRAPHS, question, recurrent
from tests.drawing.test_written import NASTY, nasty

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not (CHROMIUM and DRIVER):
    pytest.skip("chromium or chromedriver is not installed", allow_module_level=True)

from selenium.webdriver.chrome.service import Service  # noqa: E402 - only where it is installed
from selenium.webdriver.common.keys import Keys  # noqa: E402 - as the line above


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield Page(driver)
    driver.quit()


@pytest.fixture
def opened(browser, tmp_path):
    """Open a drawing's page; at the end the console has to be empty."""

    def open_(drawing, width=1280, height=900):
        browser.size(width, height)
        browser.media(color_scheme="light", reduced_motion="reduce")
        drawing.save(tmp_path / "graph.html")
        browser.driver.get((tmp_path / "graph.html").as_uri())
        return browser

    yield open_
    assert browser.driver.get_log("browser") == []
    assert browser.run("return performance.getEntriesByType('resource').length") == 0


@contextmanager
def scheme(page, name):
    page.media(color_scheme=name)
    yield page.run("return getComputedStyle(document.documentElement).backgroundColor")


def test_it_steps_through_the_backward_pass_and_back(opened):
    drawing = question()
    page = opened(drawing)
    steps = drawing.picture.steps
    assert (page.step(), page.here()) == (0, [])
    assert page.text("#said").startswith("Nothing has come back yet")
    assert page.find("#said").get_attribute("aria-live") == "polite"
    page.click("#back")
    assert page.step() == 0
    for k, box in enumerate(drawing.picture.boxes[:steps]):
        page.click("#next") if k % 2 else page.press(Keys.ARROW_RIGHT)
        assert (page.step(), page.here()) == (k + 1, [k])
        assert page.text("#said").startswith(f"Step {k + 1} of {steps}.")
        assert page.text("#panel h2") == box.name
        coming = page.run("return [...document.querySelectorAll('.link.now')]"
                          ".map((link) => Number(link.dataset.to))")  # fmt: skip
        assert sorted(coming) == sorted(arrival.source for arrival in box.arrivals)
    page.click("#next")
    assert page.step() == steps
    page.press(Keys.ARROW_LEFT)
    assert (page.step(), page.here()) == (steps - 1, [steps - 2])
    page.click("#back")
    assert page.step() == steps - 2
    page.click("#first")
    assert (page.step(), page.here()) == (0, [])
    assert page.text("#panel") == ""


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
    assert "W[k, j] met X[i, k] in every row i" in told
    assert "which uses it 2 times" in told
    page.click(f'[data-box="{number["scores"]}"]')
    told = page.text("#panel")
    assert "dscores[range(num_examples), y] -= 1" in told
    assert "300 × 3 numbers from" in told
    assert "Each cell is the mean of 8 rows." in told
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
    assert "No gradient comes here" in page.text("#said")
    assert page.step() == number["exp_scores"] + 1


def test_it_is_used_by_keyboard_alone(opened):
    drawing = question()
    page = opened(drawing)
    order = page.run("return [...document.querySelectorAll('[tabindex=\"0\"]')]"
                     ".map((box) => Number(box.dataset.box))")  # fmt: skip
    assert order == [*range(len(drawing.picture.boxes))]
    page.press(Keys.TAB)
    assert page.driver.switch_to.active_element.text == "Skip the picture"
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
        for (const box of document.querySelectorAll('.graph .box')) {
          const frame = box.querySelector('.outline').getBBox();
          for (const text of box.querySelectorAll('text:not(.mark)')) {
            const it = text.getBBox();
            if (it.x < frame.x + 2 || it.x + it.width > frame.x + frame.width - 2
                || it.y < frame.y || it.y + it.height > frame.y + frame.height)
              problems.push(text.textContent);
          }
        }
        const all = [...document.querySelectorAll('.graph .shape, .graph .outline')]
          .map((one) => [one, one.getBBox()]);
        for (const [a, p] of all) for (const [b, q] of all)
          if (a !== b && p.x < q.x + q.width && q.x < p.x + p.width
              && p.y < q.y + q.height && q.y < p.y + p.height)
            problems.push(a.textContent + ' over ' + b.textContent);
        return problems""")
        == []
    )


def test_it_fits_a_phone(opened):
    page = opened(question(), width=390, height=800)
    for _ in range(3):
        assert page.run("return document.documentElement.scrollWidth") <= 390
        buttons = page.driver.find_elements("css selector", ".buttons button")
        assert len({button.rect["y"] for button in buttons}) == 1
        assert all(button.rect["height"] >= 44 for button in buttons)
        page.click("#next")
    inside = page.run("""
        const frame = document.querySelector('.graph').getBoundingClientRect();
        const box = document.querySelector('.box.here').getBoundingClientRect();
        return box.top >= frame.top && box.bottom <= frame.bottom && box.left >= frame.left
          && box.right <= frame.right && frame.top >= 0 && frame.bottom <= innerHeight""")
    assert inside
    page.click("#fit")
    assert page.find("#fit").get_attribute("aria-pressed") == "true"
    assert page.run("return document.querySelector('.graph').scrollWidth") <= 390


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


def test_the_svg_opens_by_itself(opened, tmp_path):
    page = opened(question())
    question().save(tmp_path / "graph.svg")
    page.driver.get((tmp_path / "graph.svg").as_uri())
    assert page.run("return document.querySelectorAll('.box').length") == 20
