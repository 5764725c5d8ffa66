"""What a placement takes, as a row of numbers and as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from conversion.graph import Graph
from loihi.placing.place import Placed
from loihi.placing.usage import check_limits

BASELINE = "first fit"
COLUMNS = {
    "cores": "cores", "least_cores": "at least", "chips": "chips", "hops": "hops",
    "least_hops": "at least", "between_chips": "between chips",
}  # fmt: skip


def row_of(graph: Graph, placed: Placed, how: str) -> dict[str, Any]:
    """Figures of a placement, after holding it against every limit.

    Args:
        graph: The graph.
        placed: On a target.
        how: What to call the row.

    Returns:
        Cores, hops and their bounds; mean use of what the cores have; bytes of state and weights.

    Raises:
        GraphError: The placement breaks a limit.
    """
    serial = placed.mapping == "serial"
    usage = check_limits(
        graph, placed.placement, placed.target, serial=serial, axons_out=how != BASELINE
    )
    used = {}
    for name, cores in usage.by_limit.items():
        most = placed.target.value(name)
        if most is not None:
            used[name] = {"mean": float(cores.mean()) / most, "max": int(cores.max()), "of": most}
    resource = max(placed.fewest_cores, key=lambda name: placed.fewest_cores[name])
    return {
        "how": how, "mapping": placed.mapping, "cores": placed.cores, "chips": placed.chips,
        "least_cores": placed.fewest_cores[resource], "bounds": dict(placed.fewest_cores),
        "hops": round(placed.hops), "least_hops": round(placed.least_hops),
        "between_chips": round(placed.between_chips), "used": used,
        "state_bytes": int(usage.state_bytes.sum()),
        "weight_bytes": int(usage.by_limit["synaptic_bytes_per_core"].sum()),
    }  # fmt: skip


def text_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a table, the use of the first one's cores, and where state lies."""
    lines = [f"{'':22}" + "".join(f"{title:>15}" for title in COLUMNS.values())]
    for row in rows:
        name = f"{row['mapping']}, {row['how']}"
        if "refused" in row:
            lines.append(f"{name:22} {row['refused']}")
        else:
            lines.append(f"{name:22}" + "".join(f"{row[key]:>15}" for key in COLUMNS))
    first = rows[0]
    lines.extend(_against_first_fit(rows))
    for name, use in first["used"].items():
        lines.append(
            f"{name:28} {100 * use['mean']:5.1f} % used on average, at most {use['max']} of "
            f"{use['of']}"
        )
    for row in rows:
        if "refused" not in row and row["how"] != BASELINE:
            bounds = ", ".join(
                f"{n.removesuffix('_per_core')} {b}" for n, b in row["bounds"].items()
            )
            held = f"{row['state_bytes']} bytes of state and {row['weight_bytes']} of weights"
            where = f"all in the memory of {row['cores']} cores; fewest by {bounds}"
            lines.append(f"{row['mapping']}: {held}, {where}")
    return "\n".join(lines)


def _against_first_fit(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """How much every placement gains on the baseline of its mapping, in percent."""
    known = [row for row in rows if "refused" not in row]
    for row in known:
        for base in known:
            if base["how"] == BASELINE != row["how"] and base["mapping"] == row["mapping"]:
                gains = ", ".join(
                    f"{100 * (row[key] / base[key] - 1):+.1f} % {key}"
                    for key in ("cores", "hops")
                    if base[key]
                )
                yield f"{row['mapping']} against {BASELINE}: {gains}"
