"""The dashboard page's style sheet and the elements that `page.py` renders."""

import re
from pathlib import Path

from local.dashboard import page

FOLDER = Path(page.__file__).parent


def test_the_page_renders_every_class_that_its_style_sheet_names() -> None:
    html = (FOLDER / "page.html").read_text(encoding="utf-8")
    _, style, body = re.split(r"</?style>", html)
    selectors = re.findall(r"([^{}]+)\{", style)
    styled = {name for selector in selectors for name in re.findall(r"\.([a-z]+)", selector)}
    assert {"area", "plot", "legend", "number", "alarm"} <= styled
    rendered = set(re.findall(r"[a-z]+", Path(page.__file__).read_text(encoding="utf-8") + body))
    legend_positions = {"bottom", "right"}  # the page takes them from the dashboard's body
    assert styled - rendered - legend_positions == set()
