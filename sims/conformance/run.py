"""Runs a set of cases on several engines and judges every case by the reference simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from conversion.cases.case import ConformanceCase, Mode
from depth_snn.errors import InputError, MissingDependency
from sims.conformance.answer import Answer, Engine
from sims.conformance.batch import Task, answers
from sims.conformance.compare import Comparison, compare, compare_known
from sims.conformance.engines import reference_engine
from sims.conformance.ledger import Entry, Ledger
from sims.conformance.verdict import Report, Verdict, Word

__all__ = ["Report", "Verdict", "run_set"]


def run_set(
    cases: Iterable[ConformanceCase],
    engines: Sequence[Engine],
    ledger: Ledger | None = None,
    *,
    whole: bool = False,
    on_verdict: Callable[[Verdict], None] = lambda verdict: None,
) -> Report:
    """Run every case on every engine and compare exactly.

    Args:
        cases: The cases.
        engines: What is judged. The reference simulator runs each case in any case; where it is
            among the engines it is judged itself, by what is known of a case.
        ledger: Exceptions; none where it is None.
        whole: Whether this is the whole set, so that an exception nobody needs is an error.
        on_verdict: Called with each verdict as it is reached.

    Returns:
        All verdicts.
    """
    session = _Session(engines, ledger or Ledger(), on_verdict)
    for case in cases:
        session.take(case)
    session.finish()
    unused = session.ledger.unused([e.name for e in engines], session.used) if whole else []
    return Report(tuple(session.verdicts), tuple(unused))


@dataclass(eq=False)
class _Session:
    """A run under way: verdicts so far, and cases that wait to share a run."""

    engines: Sequence[Engine]
    ledger: Ledger
    on_verdict: Callable[[Verdict], None]
    verdicts: list[Verdict] = field(default_factory=list)
    used: list[Entry] = field(default_factory=list)
    waiting: dict[tuple[str, bool, Mode], list[Task]] = field(default_factory=dict)
    oracle: Engine = field(default_factory=reference_engine)

    def take(self, case: ConformanceCase) -> None:
        """Run one case on the reference, and on every engine now or when its run is full."""
        try:
            graph, inputs = case.build()
            expected = self.oracle.answer(graph, inputs, case.mode)
            if case.known is not None:
                case.known(graph)
        except (MissingDependency, InputError) as reason:
            for engine in self.engines:
                self._say(Verdict(case.name, engine.name, "not run", note=str(reason)))
            return
        task = Task(case, graph, inputs, expected)
        for engine in self.engines:
            if engine.name == self.oracle.name:
                self._judge_reference(task)
            else:
                self._take_on(engine, task)

    def finish(self) -> None:
        """Run what still waits."""
        for engine in self.engines:
            for key in [key for key in self.waiting if key[0] == engine.name]:
                if queue := self.waiting.pop(key):
                    self._answer(engine, queue)

    def _judge_reference(self, task: Task) -> None:
        if task.case.known is not None:
            found = compare_known(task.expected, task.case.known(task.graph))
            self._conclude(self.oracle, task, found, 0.0)

    def _take_on(self, engine: Engine, task: Task) -> None:
        entry = self._entry(engine, task)
        reason = engine.unable(task.graph, task.case.mode)
        if entry is not None and (reason or entry.when):
            self._except(engine, task, entry)
        elif reason:
            note = f"cannot run it: {reason}; the ledger does not say so"
            self._say(Verdict(task.case.name, engine.name, "differs", 1, 1, note))
        elif not engine.side_by_side or task.alone:
            self._answer(engine, [task])
        else:
            queue = self.waiting.setdefault((engine.name, task.long, task.case.mode), [])
            if queue and sum(t.nodes for t in (*queue, task)) > engine.side_by_side:
                self._answer(engine, queue)
                queue.clear()
            queue.append(task)

    def _answer(self, engine: Engine, tasks: Sequence[Task]) -> None:
        for task, (outcome, seconds) in zip(tasks, answers(engine, tasks), strict=True):
            self._conclude(engine, task, _judged(engine, task, outcome), seconds)

    def _conclude(self, engine: Engine, task: Task, found: Comparison, seconds: float) -> None:
        entry = self._entry(engine, task)
        name = task.case.name
        if entry is not None and found.mismatches:
            self._except(engine, task, entry, f" ({found.first})")
            return
        word: Word = "differs" if found.mismatches else "agrees"
        note = found.first
        if entry is not None:
            word, note = "stale", f"agrees, though the ledger excepts it: {entry.reason}"
        elif engine.partial and not note and found.ports:
            ports = sum(len(n.outputs) for n in task.graph.nodes)
            note = f"{found.ports} of {ports} ports" if found.ports < ports else ""
        self._say(Verdict(name, engine.name, word, found.values, found.mismatches, note, seconds))

    def _entry(self, engine: Engine, task: Task) -> Entry | None:
        refused = bool(task.expected.overflow)
        return self.ledger.find(engine.name, task.case.name, refused=refused)

    def _except(self, engine: Engine, task: Task, entry: Entry, detail: str = "") -> None:
        self.used.append(entry)
        note = f"{entry.reason}{detail}"
        self._say(Verdict(task.case.name, engine.name, "excepted", note=note))

    def _say(self, verdict: Verdict) -> None:
        self.verdicts.append(verdict)
        self.on_verdict(verdict)


def _judged(engine: Engine, task: Task, outcome: Answer | str) -> Comparison:
    if isinstance(outcome, str):
        return Comparison(1, 1, outcome)
    found = compare(task.graph, outcome, task.expected, partial=engine.partial)
    if task.case.known is not None and not found.mismatches and not engine.partial:
        found += compare_known(outcome, task.case.known(task.graph))
    return found
