"""A stand-in for Meta: signs and sends webhooks, answers Graph calls, with faults; for demos, tests and load."""

from simulator.accounts import connect_pages
from simulator.faults import Faults, FaultSwitch
from simulator.graph import Access, graph_app
from simulator.pages import Page, demo_pages
from simulator.playing import Plan, cast, playing, simulate

__all__ = [
    "Access",
    "FaultSwitch",
    "Faults",
    "Page",
    "Plan",
    "cast",
    "connect_pages",
    "demo_pages",
    "graph_app",
    "playing",
    "simulate",
]
