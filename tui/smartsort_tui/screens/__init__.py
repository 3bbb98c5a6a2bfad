"""The areas of the program and the dialogs over them."""
