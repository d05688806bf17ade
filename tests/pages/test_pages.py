"""The pages in Chromium: no error, filters, live updates, actions, keyboard, narrow, dark, accessible."""

import os
import pathlib

import pytest
from conftest import HOSTILE, LOOKS, NARROW, WIDE, case, complaints, poll_until, resize, violations
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys


def pages(site) -> dict:
    """A name and the path of each page."""
    return {
        "now": "/",
        "run": "/runs/r7",
        "run-live": f"/runs/{site.open}",
        "test": "/tests/r7.t3",
        "test-live": f"/tests/{site.open}.t0",
        "why": f"/tests/{site.open}.t1/why",
        "grid": "/grid",
        "matrix": "/matrix?days=90",
        "flaky": "/flaky",
        "compare": "/compare?from=r6&to=r7",
        "upgrade": f"/upgrade?before={site.upgrade[0]}&after={site.upgrade[1]}",
        "upgrades": "/upgrade",
        "regressions": "/regressions",
        "workers": "/workers",
        "templates": "/templates",
        "hostile": f"/runs/{site.hostile}",
    }


def show(browser, site, path):
    browser.get(site.url + path)
    return browser.find_element(By.TAG_NAME, "main")


def click(browser, element):
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def button(browser, text):
    return browser.find_element(By.XPATH, f"//button[normalize-space()='{text}']")


@pytest.mark.skipif("DTF_SCREENSHOTS" not in os.environ, reason="DTF_SCREENSHOTS names no directory")
def test_screenshots(site, browser):
    # Before other tests accept the regression.
    directory = pathlib.Path(os.environ["DTF_SCREENSHOTS"])
    directory.mkdir(parents=True, exist_ok=True)
    for name, path in pages(site).items():
        if name in ("hostile", "upgrades"):
            continue
        resize(browser, (1000, 760), dark=False)
        show(browser, site, path)
        browser.save_screenshot(str(directory / f"{name}.png"))
    resize(browser, NARROW, dark=True)
    show(browser, site, "/runs/r7")
    browser.save_screenshot(str(directory / "run-phone-dark.png"))


@pytest.mark.parametrize("size,dark", LOOKS)
def test_pages_load_without_an_error_and_are_accessible(site, browser, axe, size, dark):
    resize(browser, size, dark)
    complaints(browser)
    found = {}
    for name, path in pages(site).items():
        show(browser, site, path)
        assert browser.title.endswith("· dtf"), name
        assert browser.find_elements(By.TAG_NAME, "h1"), name
        room = browser.execute_script(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert room[0] <= room[1], f"{name} is wider than the window: {room}"
        assert browser.find_element(By.ID, "next").text, f"{name} has no next step"
        assert complaints(browser) == [], name
        if serious := violations(browser, axe):
            found[name] = serious
    assert found == {}


def test_names_of_others_are_shown_as_text(site, browser):
    resize(browser, WIDE)
    main = show(browser, site, f"/runs/{site.hostile}")
    assert HOSTILE[0] in main.text and "\\u{202e}" in main.text
    assert browser.find_elements(By.CSS_SELECTOR, "main script, main img") == []


def test_filters_are_in_the_address(site, browser):
    resize(browser, WIDE)
    show(browser, site, "/runs/r7")
    rows = lambda: browser.find_elements(By.CSS_SELECTOR, "#tests tbody tr")
    assert len(rows()) == 12
    state = browser.find_element(By.NAME, "state")
    [option] = [option for option in state.find_elements(By.TAG_NAME, "option") if option.text == "failed"]
    option.click()
    poll_until("the filtered page", lambda: "state=failed" in browser.current_url and len(rows()) == 1)
    assert "whisper-tiny" in rows()[0].text
    name = browser.find_element(By.NAME, "name")
    name.send_keys("gpt2" + Keys.ENTER)
    poll_until("an empty list", lambda: "name=gpt2" in browser.current_url and not rows())
    browser.refresh()
    assert browser.find_element(By.NAME, "name").get_attribute("value") == "gpt2"
    json_link = browser.find_element(By.LINK_TEXT, "JSON").get_attribute("href")
    assert "/runs/r7.json?" in json_link and "state=failed" in json_link


def test_pages_are_live(site, browser):
    resize(browser, WIDE)
    show(browser, site, "/")
    live = browser.find_element(By.ID, "live-state")
    poll_until("the stream", lambda: live.text == "This page is live.")
    before = len(browser.find_elements(By.CSS_SELECTOR, "#runs tbody tr"))
    site.ended(site.submit("while-open", [case("quick", "fast")]))
    rows = lambda: browser.find_elements(By.CSS_SELECTOR, "#runs tbody tr")
    poll_until("the new run", lambda: len(rows()) == before + 1 and "while-open" in rows()[0].text)

    show(browser, site, f"/tests/{site.open}.t0")
    log = browser.find_element(By.ID, "log")
    length = len(log.text)
    poll_until("more output", lambda: len(log.text) > length + 20)
    lines = log.text.splitlines()
    steps = [int(line.split()[1]) for line in lines if line.startswith("step")]
    assert steps == list(range(steps[0], steps[0] + len(steps))), "no line is lost or repeated"
    assert complaints(browser) == []


def test_a_page_of_a_test_follows_its_attempts_to_the_end(site, browser):
    resize(browser, WIDE)
    gates = site.root / "gate"
    tests = [case("gpt2/cpu/gates", f"gates {gates}", retries={"failed": 1})]
    run = site.submit("gates", tests)
    poll_until("the attempt", lambda: site.get(f"/api/v1/tests/{run}.t0")["phase"] == "leased")
    show(browser, site, f"/tests/{run}.t0")
    text = lambda: browser.find_element(By.TAG_NAME, "main").text
    poll_until("the first attempt", lambda: "attempt 1 waits" in text())
    (site.root / "gate-1").touch()
    poll_until("the second attempt", lambda: "attempt 2 waits" in text() and "attempt 1" not in text())
    assert "failed" in browser.find_element(By.ID, "attempts").text
    (site.root / "gate-2").touch()
    poll_until("the end", lambda: "median 20.0 ms" in text() and "flaky" in text())
    live = browser.find_element(By.ID, "live-state")
    poll_until("the end of the news", lambda: live.text.startswith("This page is complete"))
    assert len(browser.find_elements(By.CSS_SELECTOR, "#attempts tbody tr")) >= 2
    assert complaints(browser) == []


def test_a_page_that_cannot_be_refreshed_reports_it(site, browser):
    resize(browser, WIDE)
    show(browser, site, "/")
    live = browser.find_element(By.ID, "live-state")
    poll_until("the stream", lambda: live.text == "This page is live.")
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": [site.url + "/"]})
    try:
        site.ended(site.submit("unseen", [case("quick", "fast")]))
        poll_until("the report", lambda: "shows older data, and tries again" in live.text)
        assert "unseen" not in browser.find_element(By.ID, "runs").text
    finally:
        browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    poll_until("the next try", lambda: "unseen" in browser.find_element(By.ID, "runs").text)
    assert live.text == "This page is live."
    complaints(browser)


def test_a_page_works_by_keyboard_alone(site, browser):
    resize(browser, WIDE)
    show(browser, site, "/runs/r7")
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    skip = browser.switch_to.active_element
    assert skip.text == "Skip to the content"
    skip.send_keys(Keys.ENTER)
    seen = []
    for _ in range(80):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        element = browser.switch_to.active_element
        if element.tag_name == "body":
            break
        outline = element.value_of_css_property("outline-style")
        seen.append(element.get_attribute("name") or element.text)
        assert outline != "none", f"the focus on {seen[-1]} is not visible"
    for needed in ["Show the first failed test", "state", "name", "Filter"]:
        assert needed in seen, f"{needed} is not reachable: {seen}"
    show(browser, site, "/runs/r7")
    browser.find_element(By.ID, "next").send_keys(Keys.ENTER)
    poll_until("the next step", lambda: "/tests/r7.t" in browser.current_url)


def notices(browser) -> str:
    """The text of the notices, which a live page replaces."""
    return "".join(notice.text for notice in browser.find_elements(By.CLASS_NAME, "notice"))


def test_actions_change_something_and_report_it(site, browser):
    resize(browser, WIDE)
    run = site.submit("to-cancel", [case("long", "long")])
    show(browser, site, f"/runs/{run}")
    click(browser, button(browser, "Cancel the run"))
    poll_until("the notice", lambda: "The run was cancelled." in notices(browser))
    site.ended(run)
    assert site.get(f"/api/v1/runs/{run}")["cancelled"]
    show(browser, site, "/workers")
    click(browser, button(browser, "Drain"))
    poll_until("a drained worker", lambda: site.get("/api/v1/workers")["items"][0]["state"] == "draining")
    click(browser, button(browser, "Resume"))
    poll_until("an active worker", lambda: site.get("/api/v1/workers")["items"][0]["state"] == "active")


def test_tests_are_run_again_and_put_in_quarantine(site, browser):
    resize(browser, WIDE)
    show(browser, site, "/tests/r7.t3")
    click(browser, button(browser, "Run again"))
    poll_until("the notice", lambda: "in a new run" in notices(browser))
    run = browser.current_url.split("/runs/")[1].split("?")[0]
    site.ended(run)
    [row] = site.get(f"/api/v1/report?run={run}")["rows"]
    assert row["name"] == "gpt2/cpu/b1-fp32" and row["outcome"] == "passed"
    show(browser, site, "/flaky?pattern=deit-tiny/openvino/*")
    form = browser.find_element(By.ID, "add")
    assert form.find_element(By.NAME, "pattern").get_attribute("value") == "deit-tiny/openvino/*"
    form.find_element(By.NAME, "reason").send_keys("the driver is being replaced")
    click(browser, form.find_element(By.TAG_NAME, "button"))
    poll_until("the notice", lambda: "done=quarantined" in browser.current_url)
    [mark] = site.get("/api/v1/quarantines")["items"]
    assert mark["state"] == "in_force" and mark["by"] == "local"
    click(browser, button(browser, f"Release {mark['quarantine']}"))
    poll_until("the notice", lambda: "done=released" in browser.current_url)
    assert site.get("/api/v1/quarantines")["items"] == []


def test_a_regression_is_run_again_put_in_quarantine_and_accepted(site, browser):
    resize(browser, WIDE)
    name = "gpt2/cpu/b1-fp32"
    find = lambda: browser.find_elements(By.XPATH, f"//article[@aria-label='{name}, latency_seconds']")
    show(browser, site, "/regressions")
    [row] = find()
    assert "latency_seconds" in row.text and "confirmed" in row.text, row.text
    click(browser, row.find_element(By.XPATH, ".//button[.='Run again']"))
    poll_until("the new run", lambda: "done=submitted-again" in browser.current_url)
    site.ended(browser.current_url.split("/runs/")[1].split("?")[0])

    def decide(button):
        show(browser, site, "/regressions")
        [row] = find()
        form = row.find_element(By.XPATH, f".//form[button[starts-with(., '{button}')]]")
        form.find_element(By.NAME, "reason").send_keys("the new kernel is slower")
        click(browser, form.find_element(By.TAG_NAME, "button"))

    decide("Put in quarantine")
    poll_until("the quarantine", lambda: "done=quarantined" in browser.current_url)
    [mark] = site.get("/api/v1/quarantines")["items"]
    assert (mark["pattern"], mark["state"]) == (name, "in_force")
    quarantine = mark["quarantine"]
    decide("Accept the change")
    poll_until("the acceptance", lambda: "done=accepted" in browser.current_url)
    assert find() == []
    accepted = browser.find_element(By.XPATH, "//section[h2='Accepted changes']").text
    assert name in accepted and "latency_seconds" in accepted
    [mark] = site.get("/api/v1/acceptances")["items"]
    assert [series["metric"] for series in mark["series"]] == ["latency_seconds"]
    show(browser, site, "/flaky")
    click(browser, button(browser, f"Release {quarantine}"))
    poll_until("the notice", lambda: "done=released" in browser.current_url)


def test_a_form_of_another_site_changes_nothing(site, browser):
    form = (
        f'data:text/html,<form method="post" action="{site.url}/actions/cancel">'
        f'<input name="run" value="{site.open}"><button>go</button></form>'
    )
    browser.get(form)
    browser.find_element(By.TAG_NAME, "button").click()
    poll_until("the answer", lambda: browser.find_elements(By.TAG_NAME, "h1"))
    assert browser.find_element(By.TAG_NAME, "h1").text == "Not allowed"
    assert not site.get(f"/api/v1/runs/{site.open}")["cancelled"]
    complaints(browser)


def test_pages_work_without_a_script(site, browser):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        main = show(browser, site, "/runs/r7?state=failed")
        assert "whisper-tiny" in main.text
        browser.find_element(By.ID, "next").click()
        assert "/tests/r7.t" in browser.current_url
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_twins_have_the_same_tests(site, browser):
    for query in ["", "?model=gpt2", "?state=failed", "?name=TINY&backend=cpu"]:
        show(browser, site, "/runs/r7" + query)
        rows = browser.find_elements(By.CSS_SELECTOR, "#tests tbody tr td:first-child")
        names = [row["name"] for row in site.get("/runs/r7.json" + query)["rows"]]
        assert names and names == [row.text for row in rows], query
