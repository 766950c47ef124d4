"""Writes the policies for a stage's synthesised template, and prints the files' names.

`python -m infra.deploy_policy TEMPLATE ACCOUNT REGION FOLDER`: the template's file is
`<stack>.template.json`.
"""

import json
import re
import sys
from pathlib import Path

from .documents import (
    UnknownResourceType,
    characters,
    deploy_document,
    execution_documents,
    review_documents,
)
from .names import Target


def main(template: Path, account: str, region: str, folder: Path) -> str | None:
    """Write the files; return a message if that is not possible."""
    if not re.fullmatch(r"[0-9]{12}", account) or not re.fullmatch(r"[a-z-]+-[0-9]", region):
        return "Name the account and region: make policy ACCOUNT=123456789012 REGION=eu-west-1"
    stack_name = template.name.removesuffix(".template.json")
    target = Target(json.loads(template.read_text(encoding="utf-8")), stack_name, account, region)
    try:
        documents = {
            "execution": execution_documents(target),
            "deploy": [deploy_document(target)],
            "review": review_documents(target),
        }
    except UnknownResourceType as error:
        return str(error)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    for role, parts in documents.items():
        for number, document in enumerate(parts, start=1):
            file = folder / (f"{role}-{number}.json" if len(parts) > 1 else f"{role}.json")
            file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
            print(f"{file} ({characters(document)} characters)")
    return None


if __name__ == "__main__":
    source, *place, destination = sys.argv[1:]
    sys.exit(main(Path(source), place[0], place[1], Path(destination)))
