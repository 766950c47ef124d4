"""The tables of permissions in docs/security.md: they are complete and up to date."""

from collections.abc import Callable

import pytest

from tests.infra.stacks import Stack
from tests.local.permissions.admissions import Admission, admissions_of
from tests.local.permissions.grants import Grant, grants_of
from tests.local.permissions.table import PAGE, SETTINGS, read_tables, render_tables

ADVICE = "out of date: run `PYTHONPATH=functions .venv/bin/python -m tests.local.permissions.table`"


@pytest.fixture(scope="module")
def complete(stack_with: Callable[..., Stack]) -> list[Stack]:
    """The stacks that together have every permission."""
    return [stack_with(**settings) for settings in SETTINGS]


def permissions_of(stack: Stack) -> set[Grant | Admission]:
    grants = grants_of(stack.template).values()
    return {grant for found in grants for grant in found} | admissions_of(stack.template).keys()


def test_the_tables_in_the_docs_are_up_to_date(complete: list[Stack]) -> None:
    tables = render_tables(stack.template for stack in complete)

    assert "**none**" not in tables, "a permission has no journey in tests/local/permissions"
    assert read_tables(PAGE.read_text(encoding="utf-8")) == tables, ADVICE


def test_the_tables_have_the_permissions_of_all_stacks(
    complete: list[Stack], variants: dict[str, Stack]
) -> None:
    known = set().union(*map(permissions_of, complete))

    assert {name: permissions_of(one) - known for name, one in variants.items()} == {
        name: set() for name in variants
    }
