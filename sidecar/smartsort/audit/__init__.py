"""The proof that nothing is lost: ledger and disk compared, name by name and byte by byte."""

from smartsort.audit.audit import Audit, Report
from smartsort.audit.findings import Code, Finding, Weight

__all__ = ["Audit", "Code", "Finding", "Report", "Weight"]
