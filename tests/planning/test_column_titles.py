"""Titles and columns: said, exact, synonym, similar; never two titles for one column."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.column_titles import SIMILAR_FROM, How, Wanted, match_titles, similarity, title_key

WANTED = (
    Wanted("customer_code", ("customer", "customer_no")),
    Wanted("list_price", ("price",)),
    Wanted("valid_from", ("from",)),
    Wanted("valid_to", ("to", "end_date")),
    Wanted("quantity", ("qty",)),
)


def found(*titles: str, **said: dict[str, str | None]) -> dict[str, tuple[int, str]]:
    """Column -> (position, how)."""
    matching = match_titles(titles, WANTED, **said)
    return {column: (one.position, str(one.how)) for column, one in matching.matched.items()}


@pytest.mark.parametrize(
    "title", ["customer_code", "Customer Code*", "CUSTOMER-CODE", " customercode ", "Customer.Code"]
)
def test_spelling_does_not_matter(title: str) -> None:
    assert found("x", title) == {"customer_code": (1, "exact")}


def test_names_go_before_synonyms_and_synonyms_before_guesses() -> None:
    assert found("Customer", "Customer code", "Costumer code") == {"customer_code": (1, "exact")}
    assert found("Costumer code", "Customer No.") == {"customer_code": (1, "synonym")}
    assert found("Costumer code") == {"customer_code": (0, "similar")}


def test_a_synonym_that_is_another_columns_name_is_that_column() -> None:
    wanted = (Wanted("name", ("description",)), Wanted("description"))
    assert match_titles(["description"], wanted).positions == {"description": 0}


def test_a_title_that_stands_twice_is_doubled_and_not_taken() -> None:
    matching = match_titles(["qty", "Price", "Quantity", "QTY", "quantity"], WANTED)
    assert matching.doubled == {"quantity": (2, 4)}
    assert matching.positions == {"list_price": 1}
    assert match_titles(["customer", "customer no"], WANTED).doubled == {"customer_code": (0, 1)}


@pytest.mark.parametrize(
    ("title", "name", "similar"),
    [
        ("Costumer Code", "customer_code", True),
        ("Quantiy", "quantity", True),
        ("Invoce date", "invoice_date", True),
        ("Customers", "customer", True),
        ("Price (EUR)", "price", True),
        ("Quantity [pcs]*", "quantity", True),
        ("Price (old) 2", "price", False),
        ("Last price", "list_price", False),
        ("Send date", "end_date", False),
        ("Quantity 2", "quantity", False),
        ("Quality", "quantity", False),
        ("Qty 2024", "qty_2025", False),
        ("Customer name", "customer_no", False),
        ("Valid form", "valid_from", False),
        ("", "quantity", False),
        ("(note)", "quantity", False),
    ],
)
def test_what_is_similar(title: str, name: str, similar: bool) -> None:
    assert (similarity(title, name) >= SIMILAR_FROM) == similar


def test_of_two_titles_that_are_equally_similar_none_is_taken() -> None:
    assert found("Quantiti", "Quantitu") == {}
    assert found("Quantiti", "Quantty") == {"quantity": (1, "similar")}


def test_the_best_guess_is_taken_first() -> None:
    wanted = (Wanted("article_code"), Wanted("article_cods"))
    assert match_titles(["article_code", "articles_codes"], wanted).positions == {
        "article_code": 0, "article_cods": 1,
    }  # fmt: skip


def test_a_title_that_is_known_is_never_guessed_to_be_another() -> None:
    """`customer` is a synonym that lost against the name; it does not become anything else."""
    wanted = (Wanted("customer_code", ("customer",)), Wanted("customers"))
    assert match_titles(["customer_code", "customer"], wanted).positions == {"customer_code": 0}


def test_what_is_given_wins_over_what_is_saved_and_both_over_names() -> None:
    titles = ("Menge", "Anzahl", "quantity", "price")
    given: dict[str, str | None] = {"anzahl": "quantity"}
    assert found(*titles, given=given) == {"quantity": (1, "given"), "list_price": (3, "synonym")}
    assert found(*titles, saved={"Menge": "quantity", "price": None}) == {"quantity": (0, "saved")}
    assert found(*titles, given=given, saved={"Menge": "quantity"})["quantity"] == (1, "given")


def test_a_title_that_the_file_lacks() -> None:
    """Given: it is said, and the column is found by nothing else. Saved: the next file of a source may be narrower."""
    given = match_titles(["quantity"], WANTED, given={"Stück": "quantity"})
    assert given.absent == ("Stück",)
    assert match_titles(["quantity"], WANTED, saved={"Stück": "quantity"}).positions == {"quantity": 0}
    assert match_titles(["quantity"], WANTED, given={"Stück": None}).absent == ()
    assert match_titles(["quantity"], WANTED, given={"quantity": "unknown"}).positions == {"quantity": 0}


def test_a_given_title_that_stands_twice_is_doubled() -> None:
    assert match_titles(["a", "A"], WANTED, given={"a": "quantity"}).doubled == {"quantity": (0, 1)}


TITLES = st.lists(
    st.one_of(
        st.text(max_size=12), st.sampled_from(["Qty", "quantity", "Quantiy", "to", "from", "price", "Price (EUR)"])
    ),
    max_size=8,
)


@given(TITLES)
def test_no_title_means_two_columns_and_no_column_has_two_titles(titles: list[str]) -> None:
    matching = match_titles(titles, WANTED)
    positions = list(matching.positions.values())
    assert len(set(positions)) == len(positions)
    assert not set(matching.matched) & set(matching.doubled)
    assert all(one.how is not How.SIMILAR or SIMILAR_FROM <= one.score <= 100 for one in matching.matched.values())
    assert match_titles(titles, WANTED) == matching


@given(st.text(max_size=20))
def test_a_title_key_is_its_own_key(title: str) -> None:
    assert title_key(title_key(title)) == title_key(title)
