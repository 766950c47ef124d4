"""Write the tables of permissions in docs/security.md, from the templates and the journeys.

Run `PYTHONPATH=functions .venv/bin/python -m tests.local.permissions.table` after you change a
permission or a journey.
"""

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.packaging import Asset
from tests.infra.conftest import COMPANY
from tests.infra.stacks import synthesise_stack
from tests.local.permissions.admissions import Admission, admissions_of
from tests.local.permissions.grants import Grant, grants_of
from tests.local.permissions.journeys import Journey, check_of, journey_of

PAGE = Path(__file__).parents[3] / "docs/security.md"
BEGIN, END = "<!-- permissions:begin -->\n", "<!-- permissions:end -->\n"
"""The lines of the page between which the tables are."""
SETTINGS: tuple[dict[str, Any], ...] = (
    COMPANY,
    {**COMPANY, "delivery": "eventbridge", "end_rule": "last_queue"},
)
"""The settings of stacks that together have every permission."""
ROLES = ("worker", "provisioner", "watchdog", "Firehose")
_INTRO = """\
**Every permission, and what fails without it.** These tables are generated from the templates and
the tests (`PYTHONPATH=functions .venv/bin/python -m tests.local.permissions.table`). `make test`
deploys a stack of each delivery to an emulator that enforces IAM. It then takes each action of each
row away, one after the other. Each time the row's journey must fail, because the emulator refuses
that action. The emulator itself asks for no permission where Lambda, Firehose and KMS use a role; a
[correction](../local/aws/server_permissions.py) makes it ask for those that AWS's documentation
names. A journey in *italics* is not carried out, because the emulator cannot do it: the test
evaluates the deployed policy instead, for the requests that AWS's documentation names.
"""
_NO_JOURNEY = "**none**"


def render_tables(templates: Iterable[Mapping[str, Any]]) -> str:
    """Return the part of the page between its two lines, for the permissions in some templates."""
    grants: dict[Grant, None] = {}
    admissions: dict[Admission, str] = {}
    for template in templates:
        for found in grants_of(template).values():
            grants |= dict.fromkeys(found)
        admissions |= admissions_of(template)
    roles = "".join(f"| {' | '.join(cells)} |\n" for cells in _role_rows(grants))
    callers = "".join(f"| {' | '.join(cells)} |\n" for cells in _caller_rows(admissions))
    return (
        f"{_INTRO}\n| role | action | resource | journey |\n{'|---' * 4}|\n{roles}"
        f"\n| policy | caller | action | journey |\n{'|---' * 4}|\n{callers}"
    )


def _role_rows(grants: Iterable[Grant]) -> Iterator[tuple[str, ...]]:
    """Yield rows; grants that differ only in their action, or only in their role, share one."""
    actions: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for grant in grants:
        resource = grant.resource
        if grant.is_denial:
            resource = f"{resource}, denied to the function's code"
        row = grant.role, resource, _title(journey_of(grant))
        if grant.action not in actions[row]:
            actions[row].append(grant.action)
    roles: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for (role, resource, title), names in actions.items():
        text = ", ".join(f"`{name}`" for name in sorted(names))
        roles[text, resource, title].append(role)
    rows = [(sorted(found, key=ROLES.index), *rest) for rest, found in roles.items()]
    for found, text, resource, title in sorted(rows, key=lambda row: ROLES.index(row[0][0])):
        yield ", ".join(found), text, resource, title


def _caller_rows(admissions: Mapping[Admission, str]) -> Iterator[tuple[str, ...]]:
    for admission, logical_id in sorted(admissions.items()):
        title = _title(check_of(admission, logical_id))
        yield admission.resource, admission.caller, f"`{admission.action}`", title


def _title(journey: Journey | None) -> str:
    if journey is None:
        return _NO_JOURNEY
    return f"*{journey.title}*" if journey.is_evaluated else journey.title


def read_tables(page: str) -> str:
    """Return the part of the page between its two lines."""
    return page.partition(BEGIN)[2].partition(END)[0]


def main() -> None:
    """Write the tables into the page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "code").mkdir()
        (folder / "code/code.py").write_text("pass\n")
        asset = Asset(folder / "code", "hash-of-the-code")
        templates = [
            synthesise_stack(asset, folder / f"cdk-{number}", {}, **settings).template
            for number, settings in enumerate(SETTINGS)
        ]
    page = PAGE.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{PAGE} lacks the line {BEGIN.strip()} or {END.strip()}.")
    text = render_tables(templates)
    PAGE.write_text(f"{before}{begin}{text}{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
