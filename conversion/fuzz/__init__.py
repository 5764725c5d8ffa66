"""Mutated files against the readers: no crash, no hang, bounded memory, one clear line."""

from conversion.fuzz.campaign import Campaign, Failure, Report, run_campaign
from conversion.fuzz.readers import READERS, Reader

__all__ = ["READERS", "Campaign", "Failure", "Reader", "Report", "run_campaign"]
