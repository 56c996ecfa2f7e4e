"""How the catalog came to its present shape: one file for each step, run by Alembic.

In: a database of any earlier shape, or an empty one. Out: the shape that catalog.py names.
Never: rows of its own, or a step that cannot run twice in a row.
"""

HEAD = "0007"
"""The newest step; a database that names it needs no Alembic to be opened."""
