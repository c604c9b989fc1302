"""Results to one HTML page that opens offline and can be forwarded as it is.

    words       what changed, in plain words: texts compared, edits named, percentages
    rates       which lift may be shown, the bars of a rate chart, how much traffic a test needs
    drift       where the face edits of a run go all together
    search_plots the front of a search and whether a second model followed, as coordinates
    alternatives the other edits that were found, and their expected change
    pictures    previews as data URIs, and where two pictures differ
    rendering   the jinja2 environment (autoescaped) and the parts that the app shares
    page        write_report: the page itself
    explanation one rate explained: the heat over its picture, and its page
    plots       figures of an evaluation as PNG (matplotlib)

Reads records and picture files; loads no torch and knows no model.
"""

from adcreative.report.page import write_report as write_report

__all__ = ["write_report"]
