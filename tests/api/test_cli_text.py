"""`mokhatab text` from outside: a file of texts in, a file of readings out, or one line."""

from __future__ import annotations

import json

import polars as pl


def test_texts_are_read_with_and_without_training(run, tmp_path):
    train, asked, out = tmp_path / "train.csv", tmp_path / "asked.csv", tmp_path / "out.csv"
    labelled = {"text": ["a zorbig day", "a flimkar, day"] * 6, "label": ["up", "down"] * 6}
    pl.DataFrame(labelled).write_csv(train)
    pl.DataFrame({"text": ["zorbig", "=flimkar"]}).write_csv(asked)
    words = ["text", "--task", "sentiment", "--predict", str(asked), "--out", str(out), "--json"]
    plain = run(tmp_path / "home", *words)
    assert json.loads(plain.out)["reader"] == "built-in"
    said = run(tmp_path / "home", *words, "--train", str(train))
    assert said.code == 0
    assert json.loads(said.out)["labels"] == ["down", "up"]
    found = pl.read_csv(out)
    assert found.columns == ["text", "prediction", "probability", "phrase"]
    assert found["prediction"].to_list() == ["up", "down"]
    assert found["text"].to_list() == ["zorbig", "=flimkar"]
    kept = run(tmp_path / "home", *words)
    assert json.loads(kept.out)["reader"] == "trained"


def test_a_task_that_is_not_known_ends_in_one_line(run, tmp_path):
    said = run(tmp_path / "home", "text", "--task", "mood", "--train", "x.csv")
    assert said.code == 1
    assert said.err == "mokhatab: task: is 'mood'; known: sentiment, intent, aspects\n"
