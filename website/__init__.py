"""The documentation as a site: `python -m website` builds it, `make docs` is the short form."""
