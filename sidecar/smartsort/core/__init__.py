"""What smartsort knows without touching anything: values, rules and words.

Standard library only, no I/O, no clock, no logging. Time, randomness and ids come in as arguments.
"""
