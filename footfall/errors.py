"""What a person can do something about: printed as one line, without a traceback."""


class FootfallError(Exception):
    """Something failed; the message says what and what to do (exit code 1)."""


class Misused(FootfallError):
    """The command line asks for what can't be; the message says what to ask for instead (exit code 2)."""
