"""The panel itself: its locales, its lines, and that nothing of a text is in it."""

from dataclasses import astuple

import pytest

from mentallama.errors import InputError
from mentallama.support import Support, find_support, list_locales

RISK = "i want to die"


def panel(locale: str = "en", text: str = RISK) -> Support:
    support = find_support(text, locale)
    assert support is not None
    return support


def test_there_is_a_panel_only_where_there_is_risk() -> None:
    assert find_support("the bus was late") is None
    assert find_support("") is None
    assert panel().lines


def test_the_locales() -> None:
    assert {"en", "en-GB", "en-US", "de", "es", "fr"} <= set(list_locales())


@pytest.mark.parametrize("locale", list_locales())
def test_every_locale_is_complete(locale: str) -> None:
    support = panel(locale)
    assert support.title
    assert 100 < len(support.message) < 600
    assert "2026-11-26" in support.sourced
    assert "https://" in support.sourced
    assert "{" not in support.sourced
    assert len(support.lines) >= 3
    for line in support.lines:
        assert line.name
        assert line.where
        assert line.contact or line.url
        assert line.url is None or line.url.startswith("https://")


@pytest.mark.parametrize(
    ("locale", "number"),
    [
        ("en-US", "988"),
        ("en-CA", "988"),
        ("en-GB", "116 123"),
        ("en-IE", "116 123"),
        ("en-AU", "13 11 14"),
        ("de", "0800 111 0 111"),
        ("es", "024"),
        ("fr", "3114"),
    ],
)
def test_a_country_has_its_line_first(locale: str, number: str) -> None:
    assert number in panel(locale).lines[0].contact


@pytest.mark.parametrize(
    ("asked", "given"),
    [("en-NZ", "en"), ("en_gb", "en-GB"), ("EN-us", "en-US"), ("de-AT", "de"), (" fr ", "fr")],
)
def test_a_country_without_lines_gets_its_language(asked: str, given: str) -> None:
    assert panel(asked) == panel(given)


@pytest.mark.parametrize("text", [RISK, "the bus was late"])
def test_an_unknown_locale_is_named_with_the_known_ones(text: str) -> None:
    with pytest.raises(InputError) as caught:
        find_support(text, "xx-YY")
    message = str(caught.value)
    assert "\n" not in message
    assert "xx-YY" in message
    assert all(locale in message for locale in list_locales())


@pytest.mark.parametrize("locale", list_locales())
def test_nothing_of_a_text_is_in_the_panel(locale: str) -> None:
    canary = "quokkabyte"
    support = panel(locale, f"{canary} {RISK} {canary}")
    assert canary not in str(astuple(support))
    assert support == panel(locale, "no reason to live")


@pytest.mark.parametrize("locale", list_locales())
def test_the_panel_names_no_condition(locale: str) -> None:
    support = panel(locale)
    words = f"{support.title} {support.message}".casefold()
    for word in ("you have ", "depress", "suicid", "suizid", "diagnos", "disorder", "risk"):
        assert word not in words
