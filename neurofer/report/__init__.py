"""Reports and bundles: what is known of a deployed network, as files that others read."""

from neurofer.report.bundle import Bundle, open_bundle, publish
from neurofer.report.markdown import markdown
from neurofer.report.report import Report, read_report

__all__ = ["Bundle", "Report", "markdown", "open_bundle", "publish", "read_report"]
