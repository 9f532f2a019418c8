"""What a dashboard is made of, and how it becomes the JSON that Grafana imports.

A dashboard is rows of panels; a panel is a graph over time of one query or several. The six dashboards beside
this module say what is in each; `python -m deploy.grafana` writes their files.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PROMETHEUS = {"type": "prometheus", "uid": "epass"}
"""The datasource of ``provisioning/datasources/prometheus.yaml``."""
TAG = "epass"
"""All dashboards have it, and each links to the others by it."""
WIDTH, HEIGHT, ACROSS = 8, 7, 3
Query = tuple[str, str]
"""An expression, and the legend of its lines."""


@dataclass(frozen=True)
class Panel:
    """A graph over time.

    Args:
        title: what it shows.
        unit: Grafana's id of it.
        queries: what is drawn.
        warn, limit: from here on the graph is yellow, or red; up to here where ``limit`` is the lower one.
        opens: the name of the dashboard that has more.
    """

    title: str
    unit: str
    queries: tuple[Query, ...]
    warn: float | None = None
    limit: float | None = None
    opens: str = ""


@dataclass(frozen=True)
class Dashboard:
    """A dashboard; ``name`` is part of its address and of its file."""

    name: str
    title: str
    rows: Mapping[str, tuple[Panel, ...]]

    def queries(self) -> Iterator[str]:
        """Yield every expression."""
        for panels in self.rows.values():
            for panel in panels:
                yield from (expression for expression, _ in panel.queries)

    def text(self) -> str:
        """Return the content of its file."""
        return json.dumps(self._document(), indent=1) + "\n"

    def _document(self) -> dict[str, Any]:
        return {
            "uid": f"epass-{self.name}",
            "title": f"e-Pass: {self.title}",
            "tags": [TAG],
            "links": [
                {
                    "type": "dashboards",
                    "title": "e-Pass",
                    "tags": [TAG],
                    "keepTime": True,
                    "includeVars": True,
                }
            ],
            "schemaVersion": 39,
            "editable": False,
            "refresh": "30s",
            "time": {"from": "now-3h", "to": "now"},
            "timezone": "Asia/Kolkata",
            "panels": [{"id": number, **panel} for number, panel in enumerate(self._laid_out(), 1)],
        }

    def _laid_out(self) -> Iterator[dict[str, Any]]:
        y = 0
        for title, panels in self.rows.items():
            place = {"x": 0, "y": y, "w": WIDTH * ACROSS, "h": 1}
            yield {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": place}
            y += 1
            for at, panel in enumerate(panels):
                place = {"x": at % ACROSS * WIDTH, "y": y + at // ACROSS * HEIGHT, "w": WIDTH, "h": HEIGHT}
                yield _drawn(panel) | {"gridPos": place}
            y += -(-len(panels) // ACROSS) * HEIGHT


def graph(
    title: str,
    unit: str,
    *queries: Query,
    warn: float | None = None,
    limit: float | None = None,
    opens: str = "",
) -> Panel:
    """Return a panel."""
    return Panel(title, unit, queries, warn, limit, opens)


def per_second(metric: str, by: str) -> str:
    """Return the query for the growth of a counter a second."""
    return f"sum by ({by}) (rate({metric}[$__rate_interval]))"


def quantile(share: float, histogram: str, by: str = "", where: str = "") -> str:
    """Return the query for a quantile of a histogram, for each value of the labels ``by``."""
    labels = f"le, {by}" if by else "le"
    return (
        f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{where}[$__rate_interval])))"
    )


def ratio(part: str, whole: str) -> str:
    """Return the query for a part of a whole."""
    return f"{part} / {whole}"


def _drawn(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.limit is not None:
        defaults["thresholds"] = {"mode": "absolute", "steps": list(_steps(panel.warn, panel.limit))}
        defaults["custom"] = {"thresholdsStyle": {"mode": "line+area"}}
    link = {"title": f"More: {panel.opens}", "url": f"/d/epass-{panel.opens}?${{__url_time_range}}"}
    return {
        "type": "timeseries",
        "title": panel.title,
        "datasource": PROMETHEUS,
        "links": [link] if panel.opens else [],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": PROMETHEUS,
                "expr": expression,
                "legendFormat": legend,
            }
            for at, (expression, legend) in enumerate(panel.queries)
        ],
    }


def _steps(warn: float | None, limit: float) -> Iterator[dict[str, Any]]:
    """Yield the colours from the lowest value on."""
    if warn is not None and warn > limit:  # what is low is bad
        yield {"color": "red", "value": None}
        yield {"color": "yellow", "value": limit}
        yield {"color": "green", "value": warn}
        return
    yield {"color": "green", "value": None}
    if warn is not None:
        yield {"color": "yellow", "value": warn}
    yield {"color": "red", "value": limit}
