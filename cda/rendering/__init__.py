"""A CDA document as one HTML page for people: accessible, in French, complete in itself, and with nothing that runs.

`page.render` is the way in. Nothing here reads a file, asks a network or knows the time.
"""
