"""A picture of a dashboard of a running stack: `python docs/screenshot.py overview docs/overview.png`.

Made of the demo's data: `footfall demo` in another terminal, some minutes before.
"""

from __future__ import annotations

import sys

from playwright.sync_api import sync_playwright

from footfall.demo.browser import FLAGS, chromium
from footfall.settings import load_settings
from footfall.stack import preview


def main(uid: str, path: str, width: int = 1440, height: int = 1000) -> None:
    """Write the first screen of a dashboard, the last day, once its panels are drawn."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), chromium_sandbox=False, args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(f"{preview.address(load_settings())}/d/{uid}?from=now-24h&to=now&var-site=shop&theme=light")
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(1000)
        page.screenshot(path=path)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:3])
