"""Breaks real processes at random and looks whether anything was lost, doubled or deleted."""
