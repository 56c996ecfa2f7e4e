"""The page of a plan: what it shows, in both languages, whatever names are made of."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from api.pages import sheet, wording
from api.pages.plan import page
from engine.errors import InvalidValue
from tests.api.planned import an_answer

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><style>*{display:none}</style>",
    "</title><h1>other</h1>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;&amp;",
    "javascript:alert(1)",
    "]]>--><!--",
    "کتاب <b>شعر</b>",
]
UNSEEN = ["a\u202eb", "a\u0000b", "a\u2066b", "line\nbreak", "\ud83dhalf"]
VOID = {"meta", "rect", "line", "circle", "polygon", "polyline", "link"}


@dataclass
class Looked(HTMLParser):
    """A page as a browser takes it: elements with attributes, texts, and whether it is whole."""

    html: str
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[tuple[tuple[str, ...], str]] = field(default_factory=list)
    path: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.html)
        self.close()
        assert not self.path, f"left open: {self.path}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            kind = dict(attrs).get("class") or ""
            self.path.append(f"{tag}.{kind}" if kind else tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.path.pop().split(".")[0] == tag, f"{tag} ends what it did not begin"

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((tuple(self.path), data))

    @property
    def said(self) -> str:
        return "".join(text for path, text in self.texts if "style" not in path)

    def values(self, name: str) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.elements if name in attrs]


@pytest.fixture(params=wording.LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def shape(look: Looked) -> list[tuple[str, tuple[str, ...]]]:
    return [(tag, tuple(attrs)) for tag, attrs in look.elements]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_shown_letter_by_letter_and_change_nothing(language: str, name: str) -> None:
    plain = Looked(page(an_answer(campaign="x", notes=["x"]), language))
    look = Looked(page(an_answer(name=name, campaign=name, notes=[name]), language))
    assert shape(look) == shape(plain)
    assert look.said.count(name) >= 2 * 12 + 6 + 3


@pytest.mark.parametrize("name", UNSEEN)
def test_signs_that_cannot_be_seen_are_spelled_out(language: str, name: str) -> None:
    html = page(an_answer(name=name, campaign=name), language)
    assert name not in html
    html.encode("utf-8")
    assert "\u202e" not in html


def test_a_page_asks_nobody_for_anything(language: str) -> None:
    html = page(an_answer(), language)
    look = Looked(html)
    tags = {tag for tag, _ in look.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "form", "base", "use", "image"}
    assert not look.values("src")
    assert set(look.values("href")) == {"#figures"}
    assert "http://" not in html
    assert "https://" not in html
    assert "url(" not in html
    assert "@import" not in html


def test_its_policy_allows_its_own_style_and_nothing_else(language: str) -> None:
    html = page(an_answer(), language)
    look = Looked(html)
    (policy,) = (
        attrs["content"] or ""
        for tag, attrs in look.elements
        if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy"
    )
    (style,) = (text for path, text in look.texts if path[-1] == "style")
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert not look.values("style")
    assert not [name for _, attrs in look.elements for name in attrs if name.startswith("on")]


def test_language_and_direction_are_told() -> None:
    for language, way in (("en", "ltr"), ("fa", "rtl")):
        attrs = next(attrs for tag, attrs in Looked(page(an_answer(), language)).elements)
        assert attrs == {"lang": language, "dir": way}
    with pytest.raises(InvalidValue, match="en or fa"):
        page(an_answer(), "de")


def test_persian_pages_have_persian_digits_but_in_names() -> None:
    look = Looked(page(an_answer(campaign="بهار"), "fa"))
    foreign = ("style", "bdi")  # ids, names and sentences of the engine stand in bdi
    own = [
        text
        for path, text in look.texts
        if path[-1] not in foreign and "\u2068" not in text and not path[-1].startswith("style")
    ]
    assert len(own) > 200
    assert not [text for text in own if re.search("[0-9]", text)]
    assert "۱۶٬۸۰۰٫۰۰" in look.said
    assert "۲ آذر ۱۴۰۵" in look.said  # 23 November 2026


def test_pictures_are_mirrored_where_lines_begin_at_the_right() -> None:
    def chosen(language: str) -> float:
        found = Looked(page(an_answer(), language)).elements
        return next(float(attrs["cx"] or 0) for tag, attrs in found if tag == "circle")

    assert chosen("en") != 220
    assert chosen("en") + chosen("fa") == pytest.approx(440)


def test_figures_are_those_of_the_answer() -> None:
    answer = an_answer()
    said = Looked(page(answer)).said
    for row in answer["allocation"]:
        assert f"{row['spend']:,.2f}" in said
    for figure in (
        "16,800.00 EUR",
        "23 Nov 2026",
        "6 Dec 2026",
        "0.040%",
        "0.0400%",
        "11",
        "of 12",
    ):
        assert figure in said
    assert "1,392" in said
    assert "The rows add up to the budget, to the cent." in said


def test_of_revenue_it_is_told_what_comes_back() -> None:
    answer = an_answer(unit="revenue", expected=33_600.0, lower=16_800.0, upper=50_400.0)
    said = Looked(page(answer)).said
    assert "Revenue for each unit spent2.01.0 to 3.0" in said
    assert "Cost of each" not in said


def test_money_that_is_not_spent_is_told() -> None:
    answer = an_answer()
    answer["allocation"][0]["spend"] -= 100.01
    said = Looked(page(answer)).said
    assert "100.01 EUR of the budget are not spent" in said
    assert "to the cent" not in said


def test_every_picture_has_words_and_its_figures_beside_it(language: str) -> None:
    answer = an_answer()
    look = Looked(page(answer, language))
    drawn = [attrs for tag, attrs in look.elements if tag == "svg"]
    for attrs in drawn:
        assert (
            attrs.get("aria-hidden") == "true"
            or attrs.get("role") == "img"
            or (attrs.get("class") == "swatch")
        )
    told = [attrs["aria-labelledby"] for attrs in drawn if attrs.get("role") == "img"]
    ids = look.values("id")
    assert len(told) == 2
    assert set(told) <= set(ids)
    assert len(ids) == len(set(ids))
    assert [tag for tag, _ in look.elements].count("details") == 2
    rows = [path for path, _ in look.texts if path[-3:] and "details" in path and "bdi.num" in path]
    assert len(rows) == 3 * 13 + 14


def test_headings_and_tables_name_what_they_head(language: str) -> None:
    look = Looked(page(an_answer(), language))
    tags = [tag for tag, _ in look.elements]
    assert tags.count("h1") == 1
    for tag, attrs in look.elements:
        if tag == "th":
            assert attrs.get("scope") in ("col", "row")
        if tag in ("section", "aside"):
            assert attrs["aria-labelledby"] in look.values("id")


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_enough_for_texts_and_for_marks_by_day_by_night_and_on_paper() -> None:
    css = (Path(sheet.HERE) / "templates" / "plan.css").read_text()
    themes = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    assert len(themes) == 3
    for theme in themes:
        colour = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", theme))
        for ink in ("ink", "soft", "mark"):
            for ground in ("paper", "sheet"):
                assert contrast(colour[ink], colour[ground]) >= 4.5, (ink, ground)
        for mark in ("bar", "other", "mark"):
            assert contrast(colour[mark], colour["paper"]) >= 3, mark
        for shade in range(8):
            on = "on-dark" if shade >= 5 else "on-light"
            assert contrast(colour[on], colour[f"h{shade}"]) >= 4.5, shade


def test_hours_are_darker_where_response_is_higher_and_posts_are_marked() -> None:
    answer = an_answer()
    look = Looked(page(answer))
    cells = [attrs for tag, attrs in look.elements if tag == "td" and "title" in attrs]
    assert len(cells) == 3 * 7 * 24
    values = [(float(attrs["title"] or 0), int((attrs["class"] or "h0")[1])) for attrs in cells]
    for channel in (values[:168], values[168:336], values[336:]):
        assert [shade for _, shade in sorted(channel)] == sorted(shade for _, shade in channel)
        assert {shade for _, shade in channel} == set(range(8))
    marked = [attrs for attrs in cells if (attrs["class"] or "").endswith(" on")]
    assert len(marked) == len(answer["schedule"])


def test_without_hours_only_the_posts_are_drawn() -> None:
    answer = an_answer()
    del answer["hours"]
    look = Looked(page(answer))
    assert len(look.values("title")) == len(answer["schedule"])


EMPTY: dict[str, Any] = {
    "allocation": [],
    "curve": [],
    "pacing": [],
    "schedule": [],
    "hours": [],
    "channels": [],
    "notes": [],
    "expected": 0.0,
    "lower": 0.0,
    "upper": 0.0,
    "bound": 0.0,
    "value": 0.0,
    "gap": 0.0,
    "currency": None,
    "model_version": None,
    "as_of": None,
    "basis": "prior",
}


def test_a_plan_of_nothing_is_a_page_all_the_same(language: str) -> None:
    look = Looked(page(an_answer() | EMPTY, language))
    assert "nan" not in look.said.lower()
    assert "None" not in look.said
    if language == "en":
        assert "No placement gets money." in look.said
        assert "16,800.00 of the budget are not spent" in look.said


def test_figures_that_are_not_known_are_dashes(language: str) -> None:
    answer = an_answer()
    for row in answer["allocation"]:
        row |= {"segment_id": None, "name": None, "marginal": None}
    look = Looked(page(answer | {"gap": None, "bound": float("nan")}, language))
    assert "nan" not in look.said.lower()
    assert "None" not in look.said


def test_a_hundred_thousand_placements_are_a_page_of_a_few_hundred_rows() -> None:
    answer = an_answer()
    row = answer["allocation"][0]
    many = [row | {"segment_id": f"s{number}", "spend": 0.16} for number in range(100_000)]
    many += [row | {"segment_id": f"o{number}", "spend": 0.0} for number in range(1000)]
    began = time.perf_counter()
    html = page(answer | {"allocation": many})
    assert time.perf_counter() - began < 10
    assert len(html) < 600_000
    assert "Further placements (99,800), together" in html
    assert "16,000.00 EUR" in Looked(html).said


def test_print_shows_the_figures_that_are_folded_away() -> None:
    css = (Path(sheet.HERE) / "templates" / "plan.css").read_text()
    printed = css[css.index("@media print") :]
    assert "details::details-content { content-visibility: visible" in printed
    assert "print-color-adjust: exact" in printed


def test_a_careful_plan_says_of_which_cases_it_is_the_mean() -> None:
    answer = an_answer() | {"objective": "mean of the worst 0.2"}
    assert "mean of the worst 0.2 of cases" in Looked(page(answer, "en")).said
    told = Looked(page(answer, "fa")).said
    assert "بدترین سهمِ ۰٫۲ از حالت‌هاست" in told
    assert "worst" not in told
