"""Simulators, event counts, energy, budgets and reports."""
