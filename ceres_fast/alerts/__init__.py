"""Alert packets of ZTF and Rubin: stamps and labels from what a survey says of its own detections."""

from .containers import ENDINGS, AlertUnit, alert_units, is_alerts
from .formats import format_of_file
from .labels import AlertRules
from .tables import COUNTS, alert_tables

__all__ = [
    "COUNTS",
    "ENDINGS",
    "AlertRules",
    "AlertUnit",
    "alert_tables",
    "alert_units",
    "format_of_file",
    "is_alerts",
]
