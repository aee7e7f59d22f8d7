"""Simulates Meta: signs and sends webhooks, and serves a Graph API with faults. For demos, tests and load."""

from simulator.accounts import connect_pages
from simulator.faults import Faults, FaultSwitch
from simulator.graph import Access, graph_app
from simulator.pages import Page, demo_pages
from simulator.simulation import Plan, demo_customers, running_simulation, simulate

__all__ = [
    "Access",
    "FaultSwitch",
    "Faults",
    "Page",
    "Plan",
    "connect_pages",
    "demo_customers",
    "demo_pages",
    "graph_app",
    "running_simulation",
    "simulate",
]
