"""The HTML report from the disk, in Chromium: narrow, dark, by keyboard alone, accessible."""

import subprocess

import pytest
from conftest import LOOKS, WIDE, complaints, poll_until, resize, violations
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys


@pytest.fixture(scope="module")
def report(site) -> str:
    """The address of a report about all runs of the demonstration."""
    command = [site.dtf, "report", "--coordinator", site.url, "--since", "1d", "--output", "html"]
    done = subprocess.run(command, capture_output=True, text=True, env=site.environment, cwd=site.root)
    assert done.returncode == 0, done.stderr
    file = site.root / "report.html"
    file.write_text(done.stdout, encoding="utf-8")
    return file.as_uri()


def view(browser, address):
    browser.get("about:blank")
    browser.get(address)
    poll_until("the page", lambda: browser.find_elements(By.CSS_SELECTOR, "#view h1, #view h2, #view table"))
    return browser.find_element(By.ID, "view")


@pytest.mark.parametrize("size,dark", LOOKS)
def test_the_report_fits_every_window_and_is_accessible(browser, axe, report, size, dark):
    resize(browser, size, dark)
    complaints(browser)
    test = view(browser, report + "#/tests").find_element(By.CSS_SELECTOR, "a[href*='#/test/']")
    found = {}
    for page in ["", "#/tests", test.get_attribute("href").split("report.html")[1]]:
        view(browser, report + page)
        room = browser.execute_script(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert room[0] <= room[1], f"{page!r} is wider than the window: {room}"
        assert complaints(browser) == [], page
        if serious := violations(browser, axe):
            found[page] = serious
    assert found == {}
    ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    light = sum(int(part) for part in ground.strip("rgba()").split(",")[:3]) > 384
    assert light != dark, f"the ground is {ground}"


def test_the_report_works_by_keyboard_alone(browser, report):
    resize(browser, WIDE)
    test = view(browser, report + "#/tests").find_element(By.CSS_SELECTOR, "a[href*='#/test/']").get_attribute("href")
    view(browser, test)
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.switch_to.active_element.get_attribute("id") == "main"
    assert browser.current_url == test, "the link to the content leaves the page"
    view(browser, report)
    focus = lambda: browser.switch_to.active_element
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    seen = []
    for _ in range(200):
        element = focus()
        if element.tag_name == "body":
            break
        assert element.value_of_css_property("outline-style") != "none", f"no focus on {element.text!r}"
        href = element.get_attribute("href") or ""
        seen.append(element.get_attribute("id") or href.rpartition("#")[2])
        if "/test/" in href:
            element.send_keys(Keys.ENTER)
            poll_until("the page of the test", lambda: "#/test/" in browser.current_url)
            assert browser.find_elements(By.CSS_SELECTOR, "#view h2, #view h1")
            return
        element.send_keys(Keys.TAB)
    raise AssertionError(f"no test is reachable: {seen}")


def test_the_filters_of_the_report_are_in_the_address(browser, report):
    resize(browser, WIDE)
    view(browser, report + "#/tests")
    search = browser.find_element(By.ID, "search")
    search.send_keys("whisper")
    rows = lambda: [row.text for row in browser.find_elements(By.CSS_SELECTOR, "#view tbody tr")]
    poll_until("the filter", lambda: rows() and all("whisper" in row for row in rows()))
    assert "q=whisper" in browser.current_url
    browser.refresh()
    poll_until("the same page", lambda: rows() and all("whisper" in row for row in rows()))
