"""What our mails say. A paragraph whose values are not all given is left out, so a template never shows a hole."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Template:
    """`string.Template` texts on one line each. `action` labels the link; `path` leads into the app without a link."""

    subject: str
    paragraphs: tuple[str, ...]
    action: str
    path: str = ""


_TIMES = "Planned months: $months."

TEMPLATES: dict[str, Template] = {
    "cycle-opened": Template(
        subject="$cycle_name: your forecast is due by $entry_closes_at",
        paragraphs=(
            "$cycle_name is open. Please check your forecast and submit it by $entry_closes_at.",
            "You plan $customers customers. The figures are filled in already: correct what you know better.",
            _TIMES,
        ),
        action="Open my forecast",
        path="/cycles/$cycle_id",
    ),
    "cycle-closed": Template(
        subject="$cycle_name is closed: the plan is frozen",
        paragraphs=(
            "$cycle_name is closed. Its approved plan is frozen and can be compared with the actuals from now on.",
            _TIMES,
        ),
        action="See the plan",
        path="/cycles/$cycle_id",
    ),
    "cycle-below-share": Template(
        subject="$cycle_name did not close: too little is submitted",
        paragraphs=(
            "$cycle_name was to close by itself at $closes_at, but too little of the plan is submitted.",
            "Submitted are $share_percent % of the plan's value; $needed_percent % are needed.",
            "It is tried again at every submission and every hour. You can also close it now, or move the deadline.",
        ),
        action="See who is missing",
        path="/cycles/$cycle_id",
    ),
    "cycle-waiting": Template(
        subject="$cycle_name waits: another cycle is open for entry",
        paragraphs=(
            "$cycle_name was to open now, but another cycle is still open for entry. It opens when that one moves on.",
            "It waits for $other_name.",
        ),
        action="See the cycles",
        path="/cycles",
    ),
    "password-setup": Template(
        subject="Your access to Planwright",
        paragraphs=(
            "$company_name plans its sales with Planwright, and you have an account there.",
            "Choose a password with the link below. The link works once, and not for ever.",
            "If you did not expect this mail, you need not do anything.",
        ),
        action="Choose my password",
    ),
    "password-reset": Template(
        subject="Choose a new password",
        paragraphs=(
            "Somebody, we hope you, asked for a new password for your account at $company_name.",
            "Choose it with the link below. The link works once, and only for a short time.",
            "If it was not you, you need not do anything: your password stays as it is.",
        ),
        action="Choose a new password",
    ),
}
