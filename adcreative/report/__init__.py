"""Render results as one HTML page that opens offline and can be forwarded.

    words       text descriptions: compared texts, named edits, percentages
    rates       which uplift may be shown, the bars of a rate chart, the traffic of a test
    drift       average shift of all face edits of a run
    search_plots charts of a search's Pareto front and of a second model's agreement
    alternatives the other edits found, and their expected change
    pictures    previews as data URIs, and the region where two pictures differ
    rendering   the jinja2 environment (autoescaped) and the parts shared with the app
    page        write_report: the page itself
    explanation one rate explained: a heat map over its picture, and its page
    plots       figures of an evaluation as PNG (matplotlib)

Reads records and picture files; loads no torch and knows no model.
"""

from adcreative.report.page import write_report as write_report

__all__ = ["write_report"]
