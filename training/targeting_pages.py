"""A study as a page: how its best value grew, and which of its values mattered.

In: an Optuna study. Out: self-contained HTML with inline SVG. Never: a script or a network.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import optuna

WIDTH, HEIGHT, LEFT = 640, 220, 120
FEWEST = 5
"""Trials below which importance says nothing."""


def study_page(study: optuna.Study, title: str, worth: dict[str, float]) -> str:
    """The page of a study, with its worth on people unseen as a table."""
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{value:.4f}</td></tr>" for name, value in worth.items()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{escape(title)}</title>"
        "<style>body{font:15px system-ui;max-width:44rem;margin:2rem auto;color:#222}"
        "th{text-align:left;padding-right:2rem}svg{width:100%}</style>"
        f"<h1>{escape(title)}</h1><h2>Worth by product, people unseen</h2><table>{rows}</table>"
        f"<h2>History</h2>{history(study)}<p>Dots are trials, hollow ones outside the limits; the "
        f"line is the best within them.</p><h2>Importance</h2>{importance(study)}</html>"
    )


def history(study: optuna.Study) -> str:
    """Every completed trial as a dot, the best so far as a line; those outside limits hollow."""
    done = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]
    if not done:
        return "<p>No trial has ended.</p>"
    values = [float(trial.value or 0.0) for trial in done]
    low, high = min(values), max(values)
    span, last = (high - low) or 1.0, max(max(trial.number for trial in done), 1)
    places = [
        (
            LEFT + (WIDTH - LEFT - 10) * trial.number / last,
            HEIGHT - 20 - (HEIGHT - 40) * (value - low) / span,
        )
        for trial, value in zip(done, values, strict=True)
    ]
    kept = [all(value <= 0 for value in trial.constraints.values()) for trial in done]
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" stroke="#36c" fill="{"#36c" if ok else "none"}"/>'
        for (x, y), ok in zip(places, kept, strict=True)
    )
    line, best = "", float("inf")
    for (x, y), ok in zip(places, kept, strict=True):
        best = min(best, y) if ok else best
        line += f"{x:.1f},{best:.1f} " if best < float("inf") else ""
    return _picture(
        HEIGHT,
        f'<polyline points="{line}" fill="none" stroke="#c33" stroke-width="2"/>{dots}'
        f'<text x="0" y="24">{high:.4f}</text><text x="0" y="{HEIGHT - 16}">{low:.4f}</text>',
    )


def importance(study: optuna.Study) -> str:
    """Each value's part in telling the best trials from the others (PED-ANOVA), as bars."""
    found = importances(study)
    if not found:
        return "<p>Too few trials to tell.</p>"
    bars = "".join(_bar(24 * at, name, value) for at, (name, value) in enumerate(found.items()))
    return _picture(24 * len(found) + 8, bars)


def _bar(top: int, name: str, value: float) -> str:
    width = (WIDTH - LEFT - 60) * value
    return (
        f'<text x="0" y="{top + 17}">{escape(name)}</text>'
        f'<rect x="{LEFT}" y="{top + 4}" height="16" fill="#36c" width="{width:.1f}"/>'
        f'<text x="{LEFT + 6 + width:.1f}" y="{top + 17}">{value:.0%}</text>'
    )


def importances(study: optuna.Study) -> dict[str, float]:
    """Parts of importance by value, greatest first; empty where trials are too few to tell."""
    import optuna

    done = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]
    if len(done) < FEWEST or len({trial.value for trial in done}) < 2:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


def _picture(height: int, content: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" font-size="13" fill="#222">{content}</svg>'
    )
