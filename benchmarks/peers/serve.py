"""What every worker does: one JSON object a line comes in, one goes out, until the input ends.

Runs in the peer's own environment, so it needs nothing but the standard library. What a library
prints goes to the log, so that it cannot be taken for an answer.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

Answer = dict[str, Any]


def serve(actions: Mapping[str, Callable[..., Answer]]) -> None:
    """Answer requests ``{"do": NAME, ...}`` with what ``actions[NAME](...)`` returns.

    Args:
        actions: What can be asked for; the other keys of a request are its keyword arguments.
    """
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = actions[request.pop("do")](**request)
        except Exception as error:
            traceback.print_exc()
            answer = {"error": " ".join(f"{type(error).__name__}: {error}".split())}
        answers.write(json.dumps(answer) + "\n")
