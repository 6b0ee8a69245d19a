"""The control page as a person meets it: in a browser."""

import contextlib

import pytest

from slam.control.controls import Controls
from slam.control.server import control_page

pytestmark = pytest.mark.timeout(120)
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
STATUS = {
    "frame_index": 411, "number": 412, "num_frames": 1000, "fps": 28.4,
    "maps": [
        {"name": "tsdf", "state": "OK", "residual_mm": 2.1, "ate_cm": 1.24, "map_mb": 48.2},
        {"name": "neural", "state": "WEAK", "residual_mm": 2.9, "ate_cm": 1.71, "map_mb": 12.6},
    ],
}  # fmt: skip


@pytest.fixture
def chromium_page(browser, request):
    viewport = getattr(request, "param", DESKTOP)
    page = browser.new_page(viewport=viewport, has_touch=viewport is PHONE)
    page.set_default_timeout(20_000)
    yield page
    page.close()


@pytest.fixture
def run():
    """Serve the page of a run; closing it ends the run."""
    controls = Controls()
    controls.publish(STATUS)
    with contextlib.ExitStack() as ends:
        url = ends.enter_context(control_page(controls, "127.0.0.1", 0))
        yield controls, url, ends


@pytest.fixture
def shown(chromium_page, run):
    """The opened page; at the end nothing foreign was asked and nothing complained."""
    controls, url, ends = run
    complaints, requests = [], []
    chromium_page.on("console", lambda message: complaints.append(message.text))
    chromium_page.on("pageerror", lambda error: complaints.append(str(error)))
    chromium_page.on("request", lambda request: requests.append(request.url))
    chromium_page.goto(url)
    _wait_for_phase(chromium_page, "Running")
    yield chromium_page, controls, ends
    assert [request for request in requests if not request.startswith((url, "data:"))] == []
    is_gone = [text for text in complaints if "ERR_CONNECTION_REFUSED" in text]  # after the end
    assert [text for text in complaints if text not in is_gone] == []
    assert not is_gone or controls.status()["phase"] == "over"


def _wait_for_phase(page, text):
    page.wait_for_function(
        "text => document.getElementById('phase').textContent === text", arg=text
    )


def _post(page):
    """Wait at the end of the block until the server has met what the block asked for."""
    return page.expect_response(lambda response: response.request.method == "POST")


def _wait_for_message(page, text):
    page.wait_for_function(
        "text => document.getElementById('message').textContent.includes(text)", arg=text
    )


def test_buttons_control_the_run(shown):
    page, controls, _ = shown
    page.get_by_role("button", name="Pause").click()
    _wait_for_phase(page, "Paused")
    assert controls.status()["phase"] == "paused"
    with _post(page):
        page.get_by_role("button", name="Save mesh").click()
    _wait_for_message(page, "Saving the mesh")
    assert controls.take_save()
    controls.say("saved mesh_000411.ply")
    _wait_for_message(page, "saved mesh_000411.ply")
    page.get_by_role("button", name="Resume").click()
    _wait_for_phase(page, "Running")
    assert controls.status()["phase"] == "running"


@pytest.mark.parametrize("chromium_page", [DESKTOP, PHONE], ids=["desktop", "phone"], indirect=True)
def test_the_maps_are_shown_and_nothing_sticks_out(shown):
    page, controls, _ = shown
    rows = page.get_by_role("row")
    assert rows.all_inner_texts()[1].split() == ["tsdf", "OK", "2.1", "1.24", "48.2"]
    assert rows.all_inner_texts()[2].split() == ["neural", "WEAK", "2.9", "1.71", "12.6"]
    assert page.get_by_text("412 of 1000").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("(t => t.scrollWidth <= t.clientWidth)(document.querySelector('.scroll'))")
    controls.publish({"number": 413, "maps": [{"name": "tsdf", "state": "LOST"}]})
    page.get_by_role("cell", name="LOST").wait_for()
    assert page.get_by_role("row").count() == 2


@pytest.mark.parametrize(("name", "asked"), [("Reset", "take_reset"), ("Quit", "is_quit")])
def test_what_cannot_be_undone_is_asked_twice(shown, name, asked):
    page, controls, _ = shown

    def is_asked():
        found = getattr(controls, asked)
        return found() if callable(found) else found

    page.get_by_role("button", name=f"{name}…").click()
    page.keyboard.press(" ")  # on the focused button: Cancel
    page.get_by_role("dialog").wait_for(state="hidden")
    assert not is_asked()
    page.get_by_role("button", name=f"{name}…").click()
    with _post(page):
        page.get_by_role("dialog").get_by_role("button", name=name).click()
    assert is_asked()


def test_the_keys_are_those_of_the_terminal(shown):
    page, controls, _ = shown

    def press(key):
        with _post(page):
            page.keyboard.press(key)

    press(" ")
    _wait_for_phase(page, "Paused")
    press(" ")
    _wait_for_phase(page, "Running")
    press("n")
    _wait_for_phase(page, "Paused")
    press("m")
    assert controls.take_save()
    page.keyboard.press("r")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    _wait_for_message(page, "Keys:")
    assert not controls.take_reset()


def test_a_space_presses_the_button_that_has_the_focus(shown):
    page, controls, _ = shown
    page.get_by_role("button", name="Save mesh").focus()
    with _post(page):
        page.keyboard.press(" ")
    assert controls.take_save()
    assert controls.status()["phase"] == "running"


def test_an_answer_that_was_overtaken_is_not_shown(shown):
    page, controls, _ = shown
    held, stale = [], controls.status()

    def hold(route):
        held.append(route)

    page.route("**/status", hold)
    while not held:
        page.wait_for_timeout(50)
    page.get_by_role("button", name="Pause").click()
    _wait_for_phase(page, "Paused")
    with page.expect_response("**/status"):
        held[0].fulfill(json=stale | {"message": "stale", "message_number": 99})
    page.wait_for_timeout(100)  # less than the next poll takes
    assert page.locator("#message").inner_text() != "stale"
    assert page.locator("#phase").inner_text() == "Paused"


def test_the_end_of_the_run_is_told(shown):
    page, _, ends = shown
    ends.close()
    _wait_for_phase(page, "The run has ended")
    assert page.get_by_role("button", name="Pause").is_disabled()


def test_a_lost_connection_is_told_and_mended(shown):
    page, controls, _ = shown
    page.route("**/status", lambda route: route.abort("connectionrefused"))
    _wait_for_phase(page, "No connection")
    assert page.get_by_role("button", name="Pause").is_disabled()
    page.unroute("**/status")
    _wait_for_phase(page, "Running")
    assert page.get_by_role("button", name="Pause").is_enabled()
    controls.end()  # for the check of complaints: refused connections are its own doing
