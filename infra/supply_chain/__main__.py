"""`python -m infra.supply_chain bill TEMPLATE FILE`, `audit TEMPLATE PIP_AUDIT …`, or `notice`.

`bill` writes the bill of materials of a synthesised stage's asset. `audit` looks for known
vulnerabilities in the asset, without the packages that are named, and in all that is pinned.
`notice` writes NOTICE.
"""

import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from ..packaging import Target, build_asset
from ..packaging.requirements import installed_packages
from .advisories import Audit, Run, audit_node, audit_python, read_pins, run_here
from .bill_of_materials import NoAsset, find_asset, make_bill
from .licences import render_notice

_PINS = ("requirements-dev.txt", "requirements-tools.txt")
_LOCK = "package-lock.json"
_ADVICE = (
    "Run `make audit` where npm and pip-audit reach PyPI and npm's registry themselves; a mirror "
    "often has no advisories. PIP_AUDIT_VULNERABILITY_SERVICE=osv makes pip-audit ask OSV, and "
    "PRIVATE=NAME leaves out a package of your own."
)


def write_bill(template: Path, file: Path) -> str | None:
    """Write the bill of materials; return a message if that is not possible."""
    try:
        bill = make_bill(*find_asset(template))
    except NoAsset as error:
        return str(error)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(bill + "\n", encoding="utf-8")
    print(file)
    return None


def audit(
    template: Path, pip_audit: Path, run: Run = run_here, private: Collection[str] = ()
) -> str | None:
    """Print what is known of all packages; return a message if any is vulnerable or unknown.

    Parameters
    ----------
    private
        Packages in the asset that are the user's own, so that no source of advisories knows them.
    """
    try:
        asset, _ = find_asset(template)
    except NoAsset as error:
        return str(error)
    deployed = {it: version for it, version in _deployed(asset).items() if it not in private}
    audits = {"the asset": audit_python(pip_audit, deployed, run)}
    audits |= {name: audit_python(pip_audit, read_pins(Path(name)), run) for name in _PINS}
    audits[_LOCK] = audit_node(Path(_LOCK).absolute(), run)
    for name, it in audits.items():
        print("\n".join(_lines(name, it)))
    if any(it.unanswered for it in audits.values()):
        return f"Queue Ends: the audit has no answer for some packages. {_ADVICE}"
    if not all(it.is_clean for it in audits.values()):
        return (
            "Queue Ends: some packages have known vulnerabilities. Take the repaired versions: "
            '`make lock UPGRADE="--upgrade-package NAME"`, or `npm update`.'
        )
    return None


def write_notice() -> None:
    """Write NOTICE for the packages that the project's own functions need."""
    asset = build_asset(Path("functions"), Target("lambda"), Path("build"))
    Path("NOTICE").write_text(render_notice(asset.folder), encoding="utf-8")


def _deployed(asset: Path) -> dict[str, str]:
    return {name: package.version for name, package in installed_packages([asset]).items()}


def _lines(name: str, it: Audit) -> Iterator[str]:
    count = f"{len(it.packages)} package{'s' if len(it.packages) != 1 else ''}"
    if it.is_clean:
        yield f"{name}: no known vulnerability in {count}."
    for finding in it.findings:
        yield f"{name}: {finding}."
    if it.unanswered:
        some = len(it.unanswered) < len(it.packages)
        names = f", such as {next(iter(it.unanswered))}" if some else ""
        yield f"{name}: no answer for {len(it.unanswered)} of {count}{names}."
        yield f"  {next(iter(it.unanswered.values()))}"


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["bill", template, file]:
            sys.exit(write_bill(Path(template), Path(file)))
        case ["audit", template, program, *private]:
            sys.exit(audit(Path(template), Path(program), private=private))
        case ["notice"]:
            write_notice()
        case _:
            sys.exit(__doc__)
