"""Takes photos in and finds out what they are and whether they are new.

Enters: files in the inbox, uploads, finished downloads, and files that belong to an earlier photo.
Leaves: photos that were read, hashed and compared with every known one, and duplicates put away.
States: arrived -> claimed -> hashed -> unique, or duplicate, failed or review.
"""
