"""The joint report as a browser shows it."""

import pytest
from graphs import walked_graph

from slam.config import Config
from slam.report.comparison import compare_runs
from slam.runs.folder import RunFolder

SIZE = {"width": 1280, "height": 900}
BROKEN_IMAGES = "[...document.images].filter(image => !image.naturalWidth).map(image => image.alt)"
WIDTH_PX = "document.documentElement.scrollWidth"


@pytest.mark.usefixtures("whole_reports")
def test_the_report_opens_offline(browser, tmp_path, recording, wall, write_ours, write_other):
    """Names as long as paths must not make the page wider than the screen."""
    names = [
        "office_with_a_very_long_name/tsdf_at_one_centimetre",
        "office_with_a_very_long_name/neural",
        "other",
    ]
    write_ours(tmp_path / "a", fps=60.0, versions={"numpy": "2.4.6"})
    write_ours(tmp_path / "b", wall(2.01), Config(map="neural"), fps=30.0)
    RunFolder(tmp_path / "b").write_graph(walked_graph())
    write_other(tmp_path / "c", wall(1.97))
    path = tmp_path / "page.html"
    compare_runs([tmp_path / name for name in "abc"], recording, path, names)
    page = browser.new_page(viewport=SIZE)
    complaints, requests = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    for details in page.query_selector_all("summary"):
        details.click()
    assert page.evaluate(WIDTH_PX) <= SIZE["width"]
    assert page.evaluate("document.images.length") > 20
    assert page.evaluate(BROKEN_IMAGES) == []
    assert page.get_by_role("heading", name="Loops", exact=True).is_visible()
    assert complaints == []
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
    page.close()
