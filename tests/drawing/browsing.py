"""A page in a browser, and what the tests ask of it."""

import json
import re

FLAGS = ("--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
         "--disable-background-networking --disable-component-update --disable-sync")  # fmt: skip


def embedded(page):
    """The data in an explorable page."""
    return json.loads(re.search(r'id="data">(.*?)</script>', page.html, re.DOTALL)[1])


class Page:
    """A page in the browser, and what the tests ask of it."""

    def __init__(self, driver):
        self.driver = driver

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def text(self, selector):
        return self.find(selector).text

    def click(self, selector):
        self.find(selector).click()

    def press(self, key):
        from selenium.webdriver import ActionChains  # only where it is installed

        ActionChains(self.driver).send_keys(key).perform()

    def wait(self, holds):
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, 10, poll_frequency=0.02).until(lambda _: holds())

    def here(self):
        """The box that is chosen, if one is."""
        return self.run("return [...document.querySelectorAll('.box.here:not(.again)')]"
                        ".map((box) => Number(box.dataset.box))")  # fmt: skip

    def step(self):
        return self.run("return document.querySelectorAll('.box.arrived:not(.again)').length")

    def size(self, width, height):
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
        )

    def media(self, **features):
        pairs = [{"name": f"prefers-{name.replace('_', '-')}", "value": value}
                 for name, value in features.items()]  # fmt: skip
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": pairs})
