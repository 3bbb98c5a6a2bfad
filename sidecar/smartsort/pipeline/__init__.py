"""The way of a photo: stages that each take photos out of one state and leave them in the next.

The state lives in the ledger, so a restart is a resume. Stages see the ports of `smartsort.ports`,
never an adapter. The packages lie on top of each other: `recheck`, then `arrival` beside `recognition`,
then `routing`, `recovery` and `engine`. `watchdog` looks at all of them.
"""
