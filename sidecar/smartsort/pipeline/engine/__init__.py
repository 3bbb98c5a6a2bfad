"""Runs the stages: what they share, how long they pause, and how a problem is reported.

Enters: stages, the ports, and notifications that wake a stage when something has changed.
Leaves: calls of each stage when it is due, health problems, and free space after upkeep.
States: none. This package knows no stage.
"""
