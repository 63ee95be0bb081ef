"""Reports and bundles: what is known of a deployed network, as files that others read."""

from neurofer.report.bundle import Bundle, open_bundle, publish
from neurofer.report.export import Order, export_bundle
from neurofer.report.markdown import markdown
from neurofer.report.report import Report, read_report
from neurofer.report.subject import Subject

__all__ = [
    "Bundle",
    "Order",
    "Report",
    "Subject",
    "export_bundle",
    "markdown",
    "open_bundle",
    "publish",
    "read_report",
]
