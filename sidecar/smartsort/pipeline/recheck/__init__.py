"""Judges waiting photos again when something that decided about them has changed.

Enters: photos in review, filed photos, and what the server now says about people and assets.
Leaves: photos that are filed after all, names that follow a person's new name.
States: review -> filed or review with another reason. The stages only ask about what has changed.
"""
