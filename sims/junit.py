"""Judged budgets as JUnit XML, the form that CI services read test results from."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from depth_snn.errors import one_line
from sims.budget import BudgetResult, LimitResult

DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'
EXCEEDED = "limit exceeded"
ERROR = "not judged"


def junit_text(results: Sequence[BudgetResult], run: str, error: str = "") -> str:
    """Write budgets as test suites, and every limit of every layer as a test case.

    Args:
        results: Judged budgets.
        run: The run that was judged; readers show it as the class of each case.
        error: Why the run could not be judged, or is not valid; empty when it could.

    Returns:
        An XML document. A failure is a limit exceeded, an error is one that nothing was judged by.
    """
    top = ElementTree.Element("testsuites")
    for result in results:
        suite = _suite(top, result.title or result.source, len(result.limits), result.failures)
        for limit in result.limits:
            _case(suite, limit, f"{run}.{result.source}")
    if error:
        suite = _suite(top, "validity", 1, (), errors=1)
        case = ElementTree.SubElement(
            suite, "testcase", classname=one_line(run), name="can be judged"
        )
        ElementTree.SubElement(case, "error", message=one_line(error), type=ERROR)
    ElementTree.indent(top)
    return f"{DECLARATION}\n{ElementTree.tostring(top, encoding='unicode')}\n"


def _suite(
    top: ElementTree.Element,
    name: str,
    tests: int,
    failures: Sequence[LimitResult],
    errors: int = 0,
) -> ElementTree.Element:
    counts = {"tests": tests, "failures": len(failures), "errors": errors, "skipped": 0}
    texts = {key: str(value) for key, value in counts.items()}
    return ElementTree.SubElement(top, "testsuite", name=one_line(name), **texts)  # type: ignore[arg-type]


def _case(suite: ElementTree.Element, limit: LimitResult, classname: str) -> None:
    name = limit.name if limit.layer == "network" else f"{limit.name} [{limit.layer}]"
    case = ElementTree.SubElement(
        suite, "testcase", classname=one_line(classname), name=one_line(name)
    )
    frame = "" if limit.worst_frame is None else f", worst frame {limit.worst_frame}"
    observed = f"observed {limit.observed_text} {limit.unit} ({limit.statistic}{frame})"
    text = f"{observed}, allowed {limit.comparison} {limit.limit_text}"
    more = f"{text}, headroom {limit.headroom_text}, {limit.kind}"
    more += f"\n{limit.note}" if limit.note else ""
    if limit.passed:
        ElementTree.SubElement(case, "system-out").text = more
    else:
        failure = ElementTree.SubElement(case, "failure", message=one_line(text), type=EXCEEDED)
        failure.text = more
