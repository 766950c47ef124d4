"""How the dashboard's widgets look: sizes, colours, axes from zero, words instead of names."""

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs

COLUMNS = 24
HEIGHT = 6

# Each outcome of a message has one colour in every graph. The colours differ in brightness too, for
# people who cannot tell red from green.
PROCESSED = "#009988"
DUPLICATE = "#7a93ac"
IGNORED = "#c9ced6"
REJECTED = "#ee9a00"
FAILED = "#cc3311"
# For all else: the first, second and third line, faults, and limits.
BLUE, CYAN, PURPLE = "#0077bb", "#33bbee", "#aa4499"
WRONG = FAILED
LIMIT = "#52606d"

Row = list[cloudwatch.IWidget]


def line(metric: cloudwatch.Metric, label: str, colour: str | None = None) -> cloudwatch.Metric:
    """Return a metric as it is drawn; without a colour CloudWatch gives it one."""
    return metric.with_(label=label, color=colour)


def limit(value: float, label: str, colour: str) -> cloudwatch.HorizontalAnnotation:
    """Return a line across a graph which its metrics must not cross."""
    return cloudwatch.HorizontalAnnotation(value=value, label=label, color=colour)


def heading(text: str) -> Row:
    """Return the heading of the rows below it."""
    background = cloudwatch.TextWidgetBackground.TRANSPARENT
    return [
        cloudwatch.TextWidget(markdown=f"## {text}", width=COLUMNS, height=1, background=background)
    ]


def graph(
    title: str,
    *metrics: cloudwatch.Metric,
    unit: str,
    width: int,
    right: Sequence[cloudwatch.Metric] = (),
    right_unit: str = "",
    limits: Sequence[cloudwatch.HorizontalAnnotation] = (),
    stacked: bool = False,
    highest: float | None = None,
    legend: cloudwatch.LegendPosition = cloudwatch.LegendPosition.BOTTOM,
) -> cloudwatch.GraphWidget:
    """Return a graph over time whose axes begin at zero.

    Parameters
    ----------
    unit, right_unit
        The things that the axes count, in words.
    right
        Metrics on an axis of their own, as the left one's scale does not suit them.
    limits
        Lines that the left axis' metrics must not cross.
    stacked
        Whether the metrics are parts of a whole.
    highest
        The end of the left axis, if it is not that of its values.
    """
    return cloudwatch.GraphWidget(
        title=title,
        left=list(metrics),
        right=list(right) or None,
        left_y_axis=cloudwatch.YAxisProps(min=0, max=highest, label=unit, show_units=False),
        right_y_axis=(
            cloudwatch.YAxisProps(min=0, label=right_unit, show_units=False) if right else None
        ),
        left_annotations=list(limits) or None,
        stacked=stacked,
        legend_position=legend,
        width=width,
        height=HEIGHT,
    )


def numbers(title: str, *metrics: cloudwatch.Metric, width: int) -> cloudwatch.SingleValueWidget:
    """Return metrics as numbers, each over all the time that the dashboard shows."""
    return cloudwatch.SingleValueWidget(
        title=title,
        metrics=list(metrics),
        set_period_to_time_range=True,
        full_precision=True,
        width=width,
        height=3,
    )


def table(
    title: str, log_group: logs.ILogGroup, query: Sequence[str], *, width: int
) -> cloudwatch.LogQueryWidget:
    """Return what a query in CloudWatch Logs Insights finds in a log group, as a table."""
    return cloudwatch.LogQueryWidget(
        title=title,
        log_group_names=[log_group.log_group_name],
        query_lines=list(query),
        view=cloudwatch.LogQueryVisualizationType.TABLE,
        width=width,
        height=HEIGHT,
    )
