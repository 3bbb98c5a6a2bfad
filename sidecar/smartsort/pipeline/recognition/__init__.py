"""Shows unique photos to Immich and learns whose faces it finds.

Enters: unique photos.
Leaves: photos with all the answers that a decision needs, or without faces that Immich could find.
States: unique -> placed -> known. `core.recogniser` chooses when to ask what, so a batch costs few calls.
"""
