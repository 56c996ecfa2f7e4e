"""Where everything of one installation lies: the places below `MOKHATAB_HOME`.

In: the folder. Out: paths by lifetime (facts, business records, artefacts, the pointer).
Never: reading or writing what lies there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """Paths of one installation; nothing is created by naming them."""

    root: Path

    @property
    def log(self) -> Path:
        """Facts: Delta tables of events, users, products, follows and results."""
        return self.root / "log"

    @property
    def quarantine(self) -> Path:
        """Rows that were refused, one NDJSON file for each ingest."""
        return self.root / "quarantine"

    @property
    def catalog(self) -> Path:
        """Business records, where no MOKHATAB_DATABASE_URL names another database."""
        return self.root / "catalog.sqlite"

    @property
    def models(self) -> Path:
        """Artefacts: one folder for each version, and the pointer to the champion."""
        return self.root / "models"

    @property
    def champion(self) -> Path:
        """The pointer: a small file that holds the champion's version."""
        return self.models / "champion"

    @property
    def warm(self) -> Path:
        """Fitted LightFM objects by version; only training opens them."""
        return self.root / "warm"

    @property
    def readers(self) -> Path:
        """Trained readers of texts: tables, one for each task."""
        return self.root / "readers"

    @property
    def studies(self) -> Path:
        """Optuna's journals and the recipe that tuning found best for this home."""
        return self.root / "studies"

    @property
    def recipe(self) -> Path:
        """The tuned recipe: values over those of `configs/models/`."""
        return self.studies / "recipe.toml"

    @property
    def actions(self) -> Path:
        """What tuning found acts to be worth: values over those of `configs/actions.toml`."""
        return self.studies / "actions.toml"

    @property
    def targeting(self) -> Path:
        """How wide tuning found audiences and lists should be, by goal, group and product."""
        return self.studies / "targeting.json"

    @property
    def lock(self) -> Path:
        """Held by the one retrain that may run."""
        return self.root / "retrain.lock"
