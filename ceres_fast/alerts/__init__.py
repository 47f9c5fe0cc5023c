"""Alert packets of ZTF and Rubin: stamps and labels from what a survey says of its own detections."""

from .containers import AlertUnit, alert_units, is_alerts
from .labels import AlertRules
from .tables import COUNTS, alert_tables

__all__ = ["COUNTS", "AlertRules", "AlertUnit", "alert_tables", "alert_units", "is_alerts"]
