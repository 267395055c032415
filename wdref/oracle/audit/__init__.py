"""The audit: which parameters an optimizer's decay reaches, in which form and by how much.

Stands on no rule: it measures a copy. Reached as `wdref.audit`, and on the command line.
"""

from .entry import audit
from .record import Audit, AuditError, Finding, Row

__all__ = ["Audit", "AuditError", "Finding", "Row", "audit"]
