"""Take the picture of the explorable page in the README: ``python docs/explore_picture.py``.

It needs Selenium and Chromium with its driver.
"""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

DOCS = Path(__file__).parent
#: Answers the question, and lowers the score of the label.
PREPARE = """
const choice = document.querySelector('input[name=one][value="1"]');
choice.click();
setTimeout(() => choice.form.querySelector('button').click(), 50);
setTimeout(() => {
  const slider = document.querySelector('.row.label input[type=range]');
  slider.value = -0.5;
  slider.dispatchEvent(new Event('input', { bubbles: true }));
}, 100);
setTimeout(arguments[0], 500);
"""
#: From the scores to the sum of their gradient.
PLACE = """
const [first, last] = ['.rows', '.balance'].map((it) =>
  document.querySelector(it).getBoundingClientRect());
return { x: first.left - 8, y: first.top + scrollY - 8, width: first.width + 16,
  height: last.bottom - first.top + 16, scale: 1 };
"""


def main() -> None:
    """Open the page and write ``explore.png`` beside it."""
    options = ChromeOptions()
    for flag in ("--headless", "--no-sandbox", "--disable-gpu"):
        options.add_argument(flag)
    options.binary_location = shutil.which("chromium") or ""
    driver = Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        metrics = {"width": 960, "height": 900, "deviceScaleFactor": 1, "mobile": True}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        driver.get((DOCS / "explore.html").as_uri() + "#lang=en")
        driver.execute_async_script(PREPARE)
        clip = driver.execute_script(PLACE)
        shot = driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True}
        )
        (DOCS / "explore.png").write_bytes(base64.b64decode(shot["data"]))
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
