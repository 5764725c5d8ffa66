"""Where two searches' facts differ, in words."""

from __future__ import annotations

import json
from typing import Any

from depth_snn.errors import one_line

MAX_WORDS = 60
"""Characters shown of a value."""
_ABSENT = object()


def first_difference(kept: Any, own: Any, name: str = "") -> str | None:
    """The first fact, by name, that differs, with both values; None if all are equal.

    Args:
        kept: The store's facts, as JSON gives them.
        own: This search's facts, likewise.
        name: What leads to them.
    """
    if isinstance(kept, dict) and isinstance(own, dict):
        for key in sorted({*kept, *own}):
            inner = f"{name}.{key}" if name else key
            found = first_difference(kept.get(key, _ABSENT), own.get(key, _ABSENT), inner)
            if found is not None:
                return found
        return None
    if isinstance(kept, list) and isinstance(own, list) and len(kept) == len(own):
        for k, (one, other) in enumerate(zip(kept, own, strict=True)):
            found = first_difference(one, other, f"{name}[{k}]")
            if found is not None:
                return found
        return None
    if _words(kept, None) == _words(own, None):
        return None
    return f"{one_line(name)} is {_words(kept)} there and {_words(own)} here"


def _words(value: Any, limit: int | None = MAX_WORDS) -> str:
    # As text, NaN equals NaN, and True differs from 1.
    text = "absent" if value is _ABSENT else json.dumps(value, sort_keys=True)
    return text if limit is None or len(text) <= limit else f"{text[: limit - 1]}…"
