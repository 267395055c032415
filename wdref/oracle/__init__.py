"""The oracle: certified ground truth for optimizers, and verdicts on those of others."""


class Unsupported(Exception):
    """Raised by an implementation under test for a case that it cannot run; says why."""


__all__ = ["Unsupported"]
