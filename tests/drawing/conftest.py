"""A browser for the tests of pages: headless Chromium, where it is installed, and Selenium."""

import shutil

import pytest

from tests.drawing.browsing import FLAGS, Page

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    service = pytest.importorskip("selenium.webdriver.chrome.service")
    if not (CHROMIUM and DRIVER):
        pytest.skip("chromium or chromedriver is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=service.Service(DRIVER))
    yield Page(driver)
    driver.quit()


@pytest.fixture
def opened(browser, tmp_path):
    """Open a page that is saved; at the end the console has to be empty, and nothing fetched."""

    def open_(drawing, width=1280, height=900, address=""):
        browser.size(width, height)
        browser.media(color_scheme="light", reduced_motion="reduce")
        drawing.save(tmp_path / "graph.html")
        browser.driver.get("about:blank")  # else another address of the same page is no new visit
        browser.driver.get((tmp_path / "graph.html").as_uri() + address)
        return browser

    yield open_
    assert browser.driver.get_log("browser") == []
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
