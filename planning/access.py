"""Who may do what, and whose customers they see.

Two questions, asked in this order by lists, reports, exports and feeds alike: *may this role do it?* (`may`, a "no" is
403 with the reason) and *is the customer in scope?* (`in_scope`, a "no" is 404: what is outside does not exist).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from uuid import UUID

from planning.roles import Role


class Action(StrEnum):
    """Everything that a role may or may not do."""

    READ_USERS = "read_users"
    MANAGE_USERS = "manage_users"
    READ_ASSIGNMENTS = "read_assignments"
    MANAGE_ASSIGNMENTS = "manage_assignments"
    READ_CUSTOMERS = "read_customers"
    CHANGE_CUSTOMERS = "change_customers"
    READ_PRODUCTS = "read_products"
    CHANGE_PRODUCTS = "change_products"
    CHANGE_COSTS = "change_costs"
    READ_MATRIX = "read_matrix"
    CHANGE_MATRIX = "change_matrix"
    READ_PRICES = "read_prices"
    CHANGE_PRICES = "change_prices"
    READ_RATES = "read_rates"
    CHANGE_RATES = "change_rates"
    READ_FINDINGS = "read_findings"
    READ_CALENDAR = "read_calendar"
    CHANGE_CALENDAR = "change_calendar"
    READ_MONTHS = "read_months"
    READ_CYCLES = "read_cycles"
    CREATE_CYCLE = "create_cycle"
    CHANGE_CYCLE = "change_cycle"
    MOVE_CYCLE = "move_cycle"
    DELETE_CYCLE = "delete_cycle"
    READ_FORECAST = "read_forecast"
    WRITE_FORECAST = "write_forecast"
    SUBMIT_FORECAST = "submit_forecast"
    IMPORT_FILE = "import_file"
    IMPORT_USERS = "import_users"
    IMPORT_FORECASTS = "import_forecasts"
    READ_IMPORT = "read_import"
    UNDO_IMPORT = "undo_import"
    READ_TEMPLATE = "read_template"
    EXPORT = "export"
    READ_SALES = "read_sales"
    CORRECT_SALES = "correct_sales"
    GENERATE_REPORT = "generate_report"
    READ_REPORT = "read_report"
    READ_OPERATION = "read_operation"
    SEE_COST = "see_cost"
    KEEP_ACTUALS = "keep_actuals"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: the action in words, the roles that may do it, and whether a grant opens it to others.

    What is `company_wide` touches or shows the customers of all regions at once: a manager with regions may not do it.
    """

    words: str
    roles: frozenset[Role]
    by_grant: bool = False
    company_wide: bool = False


_ADMIN = frozenset({Role.ADMIN})
_MANAGERS = frozenset({Role.ADMIN, Role.MANAGER})
_PLANNERS = frozenset({Role.ADMIN, Role.MANAGER, Role.SALES_REP})
_EVERYBODY = frozenset(Role)

RULES: Mapping[Action, Rule] = {
    Action.READ_USERS: Rule("read users", _MANAGERS),
    Action.MANAGE_USERS: Rule("manage users", _ADMIN),
    Action.READ_ASSIGNMENTS: Rule("read who plans which customers", _PLANNERS),
    Action.MANAGE_ASSIGNMENTS: Rule("assign customers", _MANAGERS),
    Action.READ_CUSTOMERS: Rule("read customers", _EVERYBODY),
    Action.CHANGE_CUSTOMERS: Rule("change customers", _MANAGERS),
    Action.READ_PRODUCTS: Rule("read products", _EVERYBODY),
    Action.CHANGE_PRODUCTS: Rule("change products", _MANAGERS, company_wide=True),
    Action.CHANGE_COSTS: Rule("change costs", _MANAGERS, company_wide=True),
    Action.READ_MATRIX: Rule("read what customers may order", _EVERYBODY),
    Action.CHANGE_MATRIX: Rule("change what customers may order", _MANAGERS),
    Action.READ_PRICES: Rule("read prices", _EVERYBODY),
    Action.CHANGE_PRICES: Rule("change prices", _MANAGERS),
    Action.READ_RATES: Rule("read exchange rates", _EVERYBODY),
    Action.CHANGE_RATES: Rule("change exchange rates", _MANAGERS, company_wide=True),
    Action.READ_FINDINGS: Rule("read findings on master data", _MANAGERS),
    Action.READ_CALENDAR: Rule("read the calendar", _EVERYBODY),
    Action.CHANGE_CALENDAR: Rule("change the calendar", _ADMIN),
    Action.READ_MONTHS: Rule("read the state of months", _EVERYBODY),
    Action.READ_CYCLES: Rule("read cycles", _EVERYBODY),
    Action.CREATE_CYCLE: Rule("create a cycle", _MANAGERS, company_wide=True),
    Action.CHANGE_CYCLE: Rule("change a cycle", _MANAGERS, company_wide=True),
    Action.MOVE_CYCLE: Rule("open, close or reopen a cycle", _MANAGERS, company_wide=True),
    Action.DELETE_CYCLE: Rule("delete a cycle", _MANAGERS, company_wide=True),
    Action.READ_FORECAST: Rule("read forecasts", _EVERYBODY),
    Action.WRITE_FORECAST: Rule("change forecasts", _PLANNERS),
    Action.SUBMIT_FORECAST: Rule("submit forecasts", _PLANNERS),
    Action.IMPORT_FILE: Rule("import files", _MANAGERS, company_wide=True),
    Action.IMPORT_USERS: Rule("import users", _ADMIN),
    Action.IMPORT_FORECASTS: Rule("import forecasts", _PLANNERS),
    Action.READ_IMPORT: Rule("read imports", _PLANNERS),
    Action.UNDO_IMPORT: Rule("undo an import", _MANAGERS, company_wide=True),
    Action.READ_TEMPLATE: Rule("read templates", _EVERYBODY),
    Action.EXPORT: Rule("export data", _EVERYBODY),
    Action.READ_SALES: Rule("read sales", _EVERYBODY),
    Action.CORRECT_SALES: Rule("correct sales", _MANAGERS),
    Action.GENERATE_REPORT: Rule("generate reports", _EVERYBODY),
    Action.READ_REPORT: Rule("read reports", _EVERYBODY),
    Action.READ_OPERATION: Rule("read operations", _EVERYBODY),
    Action.SEE_COST: Rule("see cost and gross profit", _MANAGERS, by_grant=True),
    Action.KEEP_ACTUALS: Rule("complete months and enter control totals", _ADMIN, by_grant=True),
}
"""The whole of it. A grant has the name of its action."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: the role and the grants of a user as they are now, not as a token remembers them.

    `regional`: a manager whose customers are those of some regions.
    """

    role: Role
    grants: frozenset[str] = frozenset()
    regional: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Yes or no, with the sentence that says why."""

    allowed: bool
    reason: str


def may(actor: Actor, action: Action) -> Decision:
    """Whether the actor may do the action at all; on whose customers is a question for the scope."""
    rule = RULES[action]
    if rule.company_wide and actor.regional:
        return Decision(
            False,
            f"To {rule.words} concerns all customers, and you see those of your regions only; ask an admin, or a "
            "manager who sees all.",
        )
    if actor.role in rule.roles:
        return Decision(True, f"The role {actor.role} may {rule.words}.")
    if rule.by_grant and action in actor.grants:
        return Decision(True, f"The grant {action} lets you {rule.words}.")
    *others, last = [role for role in Role if role in rule.roles]
    allowed = f"{', '.join(others)} or {last}" if others else last
    return Decision(False, f"The role {actor.role} may not {rule.words}; ask somebody with the role {allowed}.")


@dataclass(frozen=True, slots=True)
class Scope:
    """The customers that somebody sees: all of the tenant, or exactly these and those of these regions.

    `regions` are in the form in which they are compared (`region_key`).
    """

    all_customers: bool
    customer_ids: frozenset[UUID] = field(default_factory=frozenset)
    regions: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Person:
    """Whose customers are asked for: the role, a manager's regions as written (none = all), and who is assigned."""

    role: Role
    regions: tuple[str, ...] = ()
    assigned: frozenset[UUID] = frozenset()


def is_regional(role: Role, regions: Collection[str]) -> bool:
    """Whether somebody is a manager who sees some regions only; regions narrow nobody else."""
    return role == Role.MANAGER and bool(regions)


def sees_all(role: Role, regions: Collection[str] = ()) -> bool:
    """Whether somebody sees every customer of the tenant whoever is assigned."""
    return role != Role.SALES_REP and not is_regional(role, regions)


def customer_scope(person: Person, stood_in_for: Iterable[Person] = ()) -> Scope:
    """The customers of a person, with those of the people whom they stand in for today.

    A sales rep sees the assigned customers (perhaps none), a manager with regions those of the regions and the assigned
    ones, everybody else all. Standing in hands on customers, never a role: a rep gets what is assigned to the other, a
    manager with regions gets the other's regions as well, and all customers in the place of somebody who manages all.
    Whoever somebody stands in for hands on nothing that they have by standing in themselves.
    """
    if sees_all(person.role, person.regions):
        return Scope(all_customers=True)
    others = tuple(stood_in_for)
    assigned = person.assigned.union(*(other.assigned for other in others))
    if person.role == Role.SALES_REP:
        return Scope(all_customers=False, customer_ids=assigned)
    managers = [other for other in others if other.role in _MANAGERS]
    if any(sees_all(manager.role, manager.regions) for manager in managers):
        return Scope(all_customers=True)
    regions = {region_key(region) for one in (person, *managers) for region in one.regions}
    return Scope(all_customers=False, customer_ids=assigned, regions=frozenset(regions))


def in_scope(scope: Scope, customer_id: UUID, region: str | None) -> bool:
    """Whether the customer, who belongs to that region (None = to none), exists for the holder of the scope."""
    if scope.all_customers or customer_id in scope.customer_ids:
        return True
    return region is not None and region_key(region) in scope.regions


def region_key(region: str) -> str:
    """The form in which regions are compared: trimmed and case-folded."""
    return region.strip().casefold()


@dataclass(frozen=True, slots=True)
class Assignment:
    """A rep's responsibility for a customer, from the first to the last day, both included; None = open end.

    `category` narrows it to one product category; `primary` names the rep whom the plan's rows are attributed to, of
    whom there is at most one per customer, category and day (`planning.assignments`). `id` is None before it is stored.
    """

    customer_id: UUID
    user_id: UUID
    valid_from: date
    valid_to: date | None = None
    category: str | None = None
    primary: bool = True
    id: UUID | None = None

    def holds_on(self, day: date) -> bool:
        """Whether the day lies within the assignment."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


def own_customers(assignments: Iterable[Assignment], user_id: UUID, at: date) -> frozenset[UUID]:
    """The customers that are a user's own on that day; an assignment for one category is enough to see the customer."""
    return frozenset(
        assignment.customer_id
        for assignment in assignments
        if assignment.user_id == user_id and assignment.holds_on(at)
    )


def primary_rep(assignments: Iterable[Assignment], customer_id: UUID, at: date, category: str | None) -> UUID | None:
    """The rep to whom a customer's line of that category is attributed on that day; None when nobody is.

    Only primary assignments count, one for the category before one for all. Should two stand from before they were
    refused, it is the newest.
    """
    wanted = (None, category_key(category))
    candidates = [
        assignment
        for assignment in assignments
        if assignment.primary
        and assignment.customer_id == customer_id
        and assignment.holds_on(at)
        and category_key(assignment.category) in wanted
    ]
    best = max(candidates, key=lambda one: (one.category is not None, one.valid_from, one.user_id.int), default=None)
    return best.user_id if best else None


def category_key(category: str | None) -> str | None:
    """The form in which categories are compared: trimmed and case-folded."""
    return None if category is None else category.strip().casefold()
