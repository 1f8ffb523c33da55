"""Which lines are active, and which must be filled."""

from __future__ import annotations

import pytest

from planning.active import ADDED, Activity, ActivityReason, LineFacts, classify_lines, planned_in, sold_in
from planning.months import month_range

HORIZON = month_range("2026-12", 16)
SOLD_ELSEWHERE = {"tea": LineFacts(sold=True)}


@pytest.mark.parametrize(
    ("facts", "active", "reason"),
    [
        (LineFacts(sold=True, planned=True, launch_month="2026-12"), True, ActivityReason.SOLD),
        (LineFacts(planned=True, launch_month="2026-12"), True, ActivityReason.PLANNED),
        (LineFacts(launch_month="2026-12"), True, ActivityReason.LAUNCHING),
        (LineFacts(launch_month="2028-03"), True, ActivityReason.LAUNCHING),
        (LineFacts(launch_month="2026-11"), False, ActivityReason.DORMANT),
        (LineFacts(launch_month="2028-04"), False, ActivityReason.DORMANT),
        (LineFacts(), False, ActivityReason.DORMANT),
        (LineFacts(sold=True, planned=True, launch_month="2026-12", gone=True), False, ActivityReason.DORMANT),
    ],
)
def test_a_line_is_active_for_one_of_three_reasons(facts: LineFacts, active: bool, reason: ActivityReason) -> None:
    lines = classify_lines(SOLD_ELSEWHERE | {"cup": facts}, HORIZON)
    assert lines["cup"] == Activity(active=active, mandatory=active, reason=reason)


def test_a_customer_with_neither_sales_nor_plan_is_offered_everything_and_asked_for_nothing() -> None:
    lines = classify_lines({"tea": LineFacts(), "cup": LineFacts(launch_month="2026-12")}, HORIZON)
    assert lines == dict.fromkeys(("tea", "cup"), Activity(True, False, ActivityReason.NEW_CUSTOMER))


def test_a_new_customer_is_not_offered_what_is_gone() -> None:
    lines = classify_lines({"tea": LineFacts(), "old": LineFacts(gone=True)}, HORIZON)
    assert lines["tea"].active
    assert not lines["old"].active


def test_a_customer_whose_last_plan_was_zero_is_not_new() -> None:
    lines = classify_lines({"tea": LineFacts()}, HORIZON, customer_has_plan=True)
    assert lines["tea"].reason == ActivityReason.DORMANT


def test_a_customer_without_a_matrix_has_no_lines() -> None:
    assert classify_lines({}, HORIZON) == {}


def test_an_added_line_is_active() -> None:
    assert ADDED.active
    assert ADDED.mandatory


@pytest.mark.parametrize(
    ("history", "sold"),
    [
        ({}, False),
        ({"2026-10": 1}, True),
        ({"2026-10": 0, "2026-11": 0}, False),
        ({"2026-10": -5}, False),
        ({"2026-10": -5, "2026-11": 2}, True),
        ({"2025-10": 9}, False),
    ],
)
def test_sold_means_that_more_went_out_than_came_back_in_some_month(history: dict[str, int], sold: bool) -> None:
    assert sold_in(history, ("2026-10", "2026-11")) == sold


@pytest.mark.parametrize(("plan", "planned"), [({}, False), ({"a": None, "b": 0}, False), ({"a": None, "b": 1}, True)])
def test_planned_means_not_zero_in_some_month(plan: dict[str, int | None], planned: bool) -> None:
    assert planned_in(plan) == planned
