"""Pictures and one offline HTML page of a run."""

from sims.report.write import write_report

__all__ = ["write_report"]
