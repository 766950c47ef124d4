"""How the dashboard's widgets look: sizes, colours, axes from zero, words instead of names."""

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs

COLUMNS = 24
HEIGHT = 6

# What becomes of a message has one colour wherever it is drawn. Who cannot tell red from green
# still can tell these apart, as they differ in brightness too.
PROCESSED = "#009988"
DUPLICATE = "#7a93ac"
IGNORED = "#c9ced6"
REJECTED = "#ee9a00"
FAILED = "#cc3311"
# For all else: first, second and third lines, what is wrong, and what a line must not cross.
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
    """Return a row that says what the rows below it are about."""
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
        Metrics with an axis of their own, for which the other's scale is too coarse or wrong.
    limits
        Lines that the left axis' metrics must not cross.
    stacked
        Whether the metrics are parts of a whole.
    highest
        Where the left axis ends, if not where its values do.
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
    """Return metrics as numbers, each of all the time that the dashboard shows."""
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
