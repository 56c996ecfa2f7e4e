"""The page of a campaign's report: what it says, in which direction, and what it must not hold."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from api.pages import charts, report_digest
from api.pages.report import page
from api.pages.report_markdown import markdown
from api.pages.wording import wording
from engine.errors import InvalidValue
from engine.operations.reports import Wish, report
from engine.store.home import Home
from tests.engine.measurement.running import plan_of
from tests.engine.operations.reported import MORNING, OWNER, open_campaign, play

NASTY = "<script>alert(1)</script>|`*\u202e"
LIFT = {
    "exposed": {"people": 18000, "rate": 0.031, "acted": 558},
    "held_out": {"people": 2000, "rate": 0.024, "acted": 48},
    "effect": 0.007,
    "level": 0.95,
    "lower": 0.0005,
    "upper": 0.0135,
    "moved": {"people": 126.0, "lower": 9.0, "upper": 243.0},
    "decided": "up",
    "complete": False,
}


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "rect", "line", "circle", "polyline", "polygon"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    assert not tags.open
    return tags


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reported")


@pytest.fixture(scope="module")
def answer(homes: Path) -> dict[str, Any]:
    home, plan = Home(homes / "usual"), plan_of(2, 2, 20)
    open_campaign(home, plan)
    play(home, plan, 9, pace=1.3, returns=0.5)
    return report(home, OWNER, "c", Wish(MORNING + timedelta(days=12))) | {"lift": LIFT}


def test_the_page_holds_the_figures_of_the_answer(answer: dict[str, Any]) -> None:
    words, text = wording("en"), read(page(answer)).text
    pacing = answer["pacing"]
    for figure in (
        words.money(pacing["spend"]["actual"], "EUR"),
        words.money(pacing["spend"]["projected"], "EUR"),
        words.number(pacing["goal"]["actual"]),
        words.number(pacing["goal"]["projected"]),
        words.number(answer["results"]["total"]["upper"]),
        *(one["says"] for one in answer["alerts"] if "{" not in one["says"]),
        "It works",
        "0.05% to 1.35%",
        "mina",
        "started it",
    ):
        assert figure in text, figure


def test_persian_is_written_from_the_right_in_its_own_digits_and_days(
    answer: dict[str, Any],
) -> None:
    html = page(answer, "fa")
    tags = read(html)
    assert tags.seen[0] == ("html", {"lang": "fa", "dir": "rtl"})
    assert "روز است که نتیجه‌ای نرسیده" in tags.text
    assert wording("fa").money(answer["pacing"]["spend"]["actual"], "EUR") in tags.text
    assert "۲۳ دی" in tags.text  # the last day with results, the 13th of January
    latin = re.findall(r"[A-Za-z]{3,}", re.sub(r"<style>.*?</style>", "", tags.text))
    mine = {"Spring", "poetry", "product", "people", "seg", "mina", "omid", "status", "name", "UTC"}
    assert set(latin) - mine - {"root"} <= set(re.findall(r"[A-Za-z]{3,}", css(html)))


WARNING = "12 of 40 placements have no results yet."


def test_persian_lines_that_begin_with_a_latin_name_still_run_from_the_right(
    answer: dict[str, Any],
) -> None:
    """Without a direction given, a `bdi` takes that of its first letter: the name's."""
    campaign = answer["campaign"] | {"warnings": [WARNING]}
    html = page(answer | {"campaign": campaign}, "fa")
    steps = html[html.index('id="steps"') :]
    assert "<bdi>" not in steps[: steps.index("</table>")]
    assert wording("fa").told(WARNING) != WARNING
    alone = re.findall(r"<bdi>([^<]*)</bdi>", html)
    assert not [told for told in alone if re.search("[\u0600-\u06ff]", told)]


def css(html: str) -> str:
    found = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert found
    return found[1]


@pytest.mark.parametrize("language", ["en", "fa"])
def test_the_page_asks_nobody_for_anything_and_runs_nothing(
    answer: dict[str, Any], language: str
) -> None:
    html = page(answer, language)
    tags = read(html)
    assert not {"script", "link", "img", "iframe", "form", "object"} & {t for t, _ in tags.seen}
    assert not re.search(r"https?://|url\(|@import", html)
    assert not [attributes for _, attributes in tags.seen if "style" in attributes]
    policy = next(a for t, a in tags.seen if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in str(policy["content"])


def test_names_of_others_are_shown_and_never_read(homes: Path) -> None:
    plan = plan_of(1, 1, 10)
    plan["allocation"][0] |= {"channel": NASTY, "segment_id": NASTY, "name": NASTY}
    home = Home(homes / "nasty")
    open_campaign(home, plan, name=NASTY, team=NASTY, product_id=NASTY)
    play(home, plan, 5, pace=3.0)
    found = report(home, OWNER, "c", Wish(MORNING + timedelta(days=9)))
    for language in ("en", "fa"):
        html = page(found, language)
        assert "<script" not in html
        assert "\u202e" not in html
        assert "&lt;script&gt;" in html
        text = markdown(found, language)
        assert "<script" not in text
        assert not re.search(r"(?<!\\)`", text)
        tables = [line for line in text.splitlines() if line.startswith("| ")]
        bars = {len(re.findall(r"(?<!\\)\|", line)) for line in tables}
        assert bars <= {4, 6, 7}  # as many columns as the heads of the tables have


def test_markdown_says_what_the_page_says(answer: dict[str, Any]) -> None:
    text = markdown(answer)
    words = wording("en")
    assert text.startswith("# How Spring poetry does\n")
    assert words.money(answer["pacing"]["spend"]["actual"]) in text
    assert "No results for 3 days" in text
    assert "| Networks | ch-0; ch-1 | ch-0; ch-1 |" in text
    assert "(chosen by hand)" in text
    assert "کارنامهٔ" in markdown(answer, "fa")


@pytest.mark.parametrize("state", ["draft", "planned"])
@pytest.mark.parametrize("language", ["en", "fa"])
def test_a_campaign_without_figures_is_told_all_the_same(
    homes: Path, state: str, language: str
) -> None:
    home = Home(homes / f"{state}-{language}")
    bare = {"plan": None, "recommended": {}, "chosen": {}} if state == "draft" else {}
    open_campaign(home, status=state, **bare)
    found = report(home, OWNER, "c", Wish(MORNING))
    words = wording(language)
    said = words.say("report.no_plan" if state == "draft" else "report.no_results")
    assert said in read(page(found, language)).text
    assert said in markdown(found, language)


@pytest.mark.parametrize("unit", ["people", "repeat buyers", "revenue", "sales"])
def test_every_goal_has_a_page(homes: Path, unit: str) -> None:
    home, plan = Home(homes / unit.replace(" ", "-")), plan_of(unit=unit)
    open_campaign(home, plan)
    play(home, plan, 5)
    found = report(home, OWNER, "c", Wish(MORNING + timedelta(days=5)))
    assert read(page(found)).text
    assert markdown(found, "fa")


def test_sums_by_day_end_where_the_totals_are(answer: dict[str, Any]) -> None:
    planned, spent = report_digest.money_by_day(answer)
    assert spent[-1] == pytest.approx(answer["pacing"]["spend"]["actual"])
    assert planned[-1][0] == pytest.approx(answer["plan"]["spent"])
    promised, came = report_digest.outcome_by_day(answer)
    assert came[-1] == pytest.approx(answer["pacing"]["goal"]["actual"])
    assert promised[-1] == pytest.approx(
        tuple(answer["plan"][n] for n in ("expected", "lower", "upper"))
    )


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_track_stays_within_its_frame_and_is_mirrored(mirrored: bool) -> None:
    planned = [(float(at), float(at), float(at)) for at in range(1, 6)]
    found = charts.track(planned, [2.0, 5.0], (30.0, 20.0, 40.0), mirrored=mirrored)
    lines = (found.planned, found.actual, found.ahead or "", found.band)
    pairs = [pair.split(",") for line in lines for pair in line.split()]
    for x, y in pairs:
        assert 0 <= float(x) <= charts.WIDE
        assert 0 <= float(y) <= charts.HIGH
    first, last = float(pairs[0][0]), float(found.planned.split()[-1].split(",")[0])
    assert (first > last) == mirrored
    assert found.to is not None
    assert found.to[2] > found.to[1] > found.to[3]  # down the picture is less
    assert charts.track([], [], None, mirrored=False).now is None


def test_only_english_and_persian_are_spoken(answer: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue, match="en or fa"):
        page(answer, "de")
    with pytest.raises(InvalidValue, match="en or fa"):
        markdown(answer, "de")
