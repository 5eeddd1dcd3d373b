"""What a person can do something about: printed as one line, without a traceback."""


class FootfallError(Exception):
    """Something failed; the message says what and what to do (exit code 1)."""
