"""Trained readers: what is planted in texts is found, kept as plain tables, and told with proof."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from engine.errors import ArtefactCorrupt, FrameError, InvalidValue, NothingToLearn, UnreadableFile
from engine.operations.readers import lexicon_of, open_reader, save_reader
from engine.settings import load
from engine.signals.readings import Reading, judge_texts
from engine.signals.text_features import count_grams, weigh_grams
from engine.signals.text_tokens import tokenise
from engine.signals.text_trained import PREDICTIONS, Reader, predict
from engine.store.home import Home
from training.reading_texts import judge_by, read_texts_of
from training.text import fit_reader

SETTINGS = load("text")
FILLER = ("table", "window", "river", "stone", "paper", "garden", "چراغ", "دیوار", "کوه", "خیابان")


def planted(count: int, seed: int, signs: dict[str, str], noise: float = 0.0) -> pl.DataFrame:
    """Texts of filler in which one invented word gives the label; `noise` of the labels lie."""
    random = np.random.default_rng(seed)
    labels = list(signs)
    told = random.integers(0, len(labels), count)
    texts = [
        " ".join(random.permutation([*random.choice(FILLER, 5), signs[labels[at]]]))
        for at in told.tolist()
    ]
    lies = random.random(count) < noise
    shown = np.where(lies, random.integers(0, len(labels), count), told)
    return pl.DataFrame({"text": texts, "label": [labels[at] for at in shown.tolist()]})


SIGNS = {"positive": "zorbig", "negative": "flimkar", "neutral": "quondle"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def reader(home: Home) -> Reader:
    found = fit_reader(planted(150, 1, SIGNS), "sentiment", lexicon_of(home), settings=SETTINGS)
    save_reader(home, found)
    return found


def test_a_planted_word_is_learned_and_told_as_the_proof(home, reader):
    asked = planted(90, 2, SIGNS)
    said = predict(asked["text"], reader, lexicon_of(home), SETTINGS)
    assert said.columns == list(PREDICTIONS)
    assert said["text"].equals(asked["text"])
    assert (said["prediction"] == asked["label"]).mean() > 0.97
    for row in said.iter_rows(named=True):
        assert SIGNS[row["prediction"]] in row["phrase"]
        assert row["phrase"] in row["text"]


def test_a_kept_reader_says_the_same_to_the_last_bit(home, reader):
    asked = planted(30, 3, SIGNS)["text"]
    kept = open_reader(home, "sentiment")
    assert kept is not None
    lexicon = lexicon_of(home)
    again = predict(asked, kept, lexicon, SETTINGS)
    assert again.equals(predict(asked, reader, lexicon, SETTINGS))
    assert open_reader(home, "intent") is None


def test_probabilities_are_as_often_right_as_they_say(home):
    signs = {"yes": "zorbig", "no": "flimkar"}
    lexicon = lexicon_of(home)
    trained = fit_reader(planted(400, 4, signs, noise=0.4), "x", lexicon, settings=SETTINGS)
    asked = planted(400, 5, signs, noise=0.4)
    said = predict(asked["text"], trained, lexicon, SETTINGS)
    right = (said["prediction"] == asked["label"]).mean()
    assert right == pytest.approx(0.8, abs=0.06)
    assert said["probability"].mean() == pytest.approx(right, abs=0.08)


def test_a_rare_label_is_found(home):
    signs = {"yes": "zorbig", "no": "flimkar"}
    texts = planted(300, 6, signs)
    rare = pl.concat([texts.filter(label="no"), texts.filter(label="yes").head(6)])
    trained = fit_reader(rare, "x", lexicon_of(home), settings=SETTINGS)
    asked = planted(100, 7, signs).filter(label="yes")["text"]
    said = predict(asked, trained, lexicon_of(home), SETTINGS)
    assert (said["prediction"] == "yes").mean() > 0.9


def test_texts_without_words_get_an_answer_too(home, reader):
    said = predict(pl.Series(["", None, "…", "ж"]), reader, lexicon_of(home), SETTINGS)
    assert said.height == 4
    assert said["probability"].is_between(0, 1).all()


def test_weighed_grams_have_length_one_for_words_and_for_parts():
    counts = count_grams(tokenise(pl.Series(["a good day", "گوشی خوب خوب", ""]), longest=100))
    weighed = weigh_grams(counts, np.ones(len(counts.names)))
    squares = weighed.multiply(weighed).sum(axis=1)
    assert squares == pytest.approx([2, 2, 0])


@pytest.mark.parametrize(
    "labels", [["a", "a", "a"], ["a", "a", "b"], ["a", "a", None]], ids=["one", "few", "null"]
)
def test_too_few_labels_are_refused_in_words(home, labels):
    texts = pl.DataFrame({"text": ["x", "y", "z"], "label": labels})
    with pytest.raises(NothingToLearn, match="at least two labels"):
        fit_reader(texts, "x", lexicon_of(home), settings=SETTINGS)


def test_a_trained_reader_judges_evidence_in_its_languages_alone(home, reader):
    english = fit_reader(
        pl.DataFrame(
            {
                "text": ["the zorbig of it is here", "the flimkar of it is here"] * 10,
                "label": ["positive", "negative"] * 10,
            }
        ),
        "sentiment",
        lexicon_of(home),
        settings=SETTINGS,
    )
    assert english.languages == ("en",)
    reading = Reading(lexicon_of(home), SETTINGS, {"sentiment": english})
    said = judge_texts(pl.Series(["the zorbig of it", "the flimkar", "عالی بود"]), reading)
    assert said["opinion"].to_list() == [1, -1, 1]


@pytest.mark.parametrize("harm", ["flip", "cut", "gone", "told"])
def test_a_damaged_reader_is_never_used(tmp_path, reader, harm):
    home = Home(tmp_path)
    save_reader(home, reader)
    table = next(home.readers.glob("*.parquet"))
    content = bytearray(table.read_bytes())
    if harm == "flip":
        content[len(content) // 2] ^= 1
        table.write_bytes(bytes(content))
    elif harm == "cut":
        table.write_bytes(bytes(content[:-10]))
    elif harm == "gone":
        table.unlink()
    else:
        (home.readers / "sentiment.json").write_text("{}")
    with pytest.raises(ArtefactCorrupt, match="train it again"):
        open_reader(home, "sentiment")


def test_a_new_reader_takes_the_place_of_the_old(tmp_path, reader):
    home = Home(tmp_path)
    save_reader(home, reader)
    other = fit_reader(
        planted(60, 9, {"a": "zorbig", "b": "flimkar"}), "sentiment", lexicon_of(home),
        settings=SETTINGS,
    )  # fmt: skip
    save_reader(home, other)
    kept = open_reader(home, "sentiment")
    assert kept is not None
    assert kept.labels == ("a", "b")
    assert len(list(home.readers.iterdir())) == 2


@pytest.mark.parametrize("ending", ["csv", "parquet", "ndjson"])
def test_every_row_of_a_file_is_answered_in_its_order(tmp_path, ending):
    labelled = planted(80, 10, SIGNS)
    odd = ["two\nlines, one text", '"quoted"', "", "zorbig"]
    asked = pl.DataFrame({"text": odd, "more": [1, 2, 3, 4]})
    train, judge, out = (tmp_path / f"{name}.{ending}" for name in ("train", "judge", "out"))
    for path, frame in ((train, labelled), (judge, asked)):
        getattr(frame, f"write_{ending}")(path)
    answer = read_texts_of(Home(tmp_path / "h"), "sentiment", train=train, judge=judge, out=out)
    assert (answer["reader"], answer["rows"], answer["trained"]) == ("trained", 4, 80)
    read = {"csv": pl.read_csv, "parquet": pl.read_parquet, "ndjson": pl.read_ndjson}[ending]
    said = read(out)
    assert said.columns == list(PREDICTIONS)
    assert said["text"].fill_null("").to_list() == odd
    assert said["prediction"][3] == "positive"


def test_labels_may_be_numbers(tmp_path):
    labelled = planted(60, 11, {"0": "zorbig", "1": "flimkar"}).cast({"label": pl.Int64})
    labelled.write_parquet(tmp_path / "t.parquet")
    answer = read_texts_of(
        Home(tmp_path), "intent", train=tmp_path / "t.parquet", judge=None, out=None
    )
    assert answer["labels"] == ["0", "1"]


def test_without_labels_the_lists_judge(home):
    lexicon = lexicon_of(home)
    texts = pl.Series(["I love it", "terrible", "a table", "das ist nicht gut und sehr teuer"])
    said = judge_by(texts, "sentiment", None, lexicon, SETTINGS)
    assert said["prediction"].to_list() == ["positive", "negative", "neutral", None]
    wish = judge_by(pl.Series(["where can I buy it?", "rain"]), "intent", None, lexicon, SETTINGS)
    assert wish["prediction"].to_list() == ["intent", "none"]
    spoken = judge_by(pl.Series(["good food, bad price", "hm"]), "aspects", None, lexicon, SETTINGS)
    assert spoken["prediction"].to_list() == ["price,food", "none"]
    assert spoken.schema == PREDICTIONS


def test_what_cannot_be_done_is_told(tmp_path):
    home, table, out = Home(tmp_path / "h"), tmp_path / "t.csv", tmp_path / "o.csv"
    table.write_text("words\nhello\n", encoding="utf-8")
    with pytest.raises(FrameError, match="missing"):
        read_texts_of(home, "intent", train=None, judge=table, out=out)
    with pytest.raises(UnreadableFile, match="does not exist"):
        read_texts_of(home, "intent", train=tmp_path / "no.csv", judge=None, out=None)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(UnreadableFile, match="damaged"):
        read_texts_of(home, "intent", train=None, judge=tmp_path / "bad.parquet", out=out)
    for words in ({"task": "mood"}, {"judge": None}, {"out": None}, {"judge": None, "out": None}):
        asked = {"task": "intent", "train": None, "judge": table, "out": out} | words
        with pytest.raises(InvalidValue):
            read_texts_of(home, asked.pop("task"), **asked)
    assert not out.exists()


def test_the_description_of_a_reader_is_json_and_holds_no_text(home, reader):
    told = json.loads((home.readers / "sentiment.json").read_text())
    assert set(told) == {"sha256", "shapes"}
