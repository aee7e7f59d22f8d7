"""The parts of bench/read_side.py."""
