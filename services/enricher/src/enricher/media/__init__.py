"""Media files that a platform serves by ID only: fetched when a user looks at them and streamed to the browser.

`addressing` and `presentation` are pure.
"""
