"""Makes the dashboard's widgets, all in the same style."""

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs

# The width of a row.
COLUMNS = 24
_WIDGET_HEIGHT = 6

# Each message outcome has the same colour in every graph. The colours also differ in brightness,
# for people who cannot tell red from green.
PROCESSED = "#009988"
DUPLICATE = "#7a93ac"
IGNORED = "#c9ced6"
REJECTED = "#ee9a00"
FAILED = "#cc3311"
# Colours for other metrics, for faults, and for limits.
BLUE, CYAN, PURPLE = "#0077bb", "#33bbee", "#aa4499"
FAULT = FAILED
LIMIT = "#52606d"

Row = list[cloudwatch.IWidget]


def label_metric(
    metric: cloudwatch.Metric, label: str, colour: str | None = None
) -> cloudwatch.Metric:
    """Return a copy of the metric with a label and a colour.

    If the colour is None, CloudWatch chooses one.
    """
    return metric.with_(label=label, color=colour)


def limit_line(value: float, label: str, colour: str) -> cloudwatch.HorizontalAnnotation:
    """Return a horizontal line that shows a limit in a graph."""
    return cloudwatch.HorizontalAnnotation(value=value, label=label, color=colour)


def heading(text: str) -> Row:
    """Return a row with the heading of a section."""
    background = cloudwatch.TextWidgetBackground.TRANSPARENT
    return [
        cloudwatch.TextWidget(markdown=f"## {text}", width=COLUMNS, height=1, background=background)
    ]


def graph(
    title: str,
    *metrics: cloudwatch.Metric,
    unit: str,
    width: int,
    right_metrics: Sequence[cloudwatch.Metric] = (),
    right_unit: str = "",
    limits: Sequence[cloudwatch.HorizontalAnnotation] = (),
    stacked: bool = False,
    left_max: float | None = None,
    legend: cloudwatch.LegendPosition = cloudwatch.LegendPosition.BOTTOM,
) -> cloudwatch.GraphWidget:
    """Return a graph over time; its axes start at zero.

    Parameters
    ----------
    metrics
        The metrics on the left axis.
    unit, right_unit
        The labels of the left and the right axis.
    right_metrics
        The metrics on the right axis, which have another scale.
    limits
        Horizontal lines on the left axis.
    stacked
        Whether to stack the metrics on the left axis.
    left_max
        The maximum of the left axis; if None, CloudWatch chooses a maximum.
    legend
        The position of the legend.
    """
    return cloudwatch.GraphWidget(
        title=title,
        left=list(metrics),
        right=list(right_metrics) or None,
        left_y_axis=cloudwatch.YAxisProps(min=0, max=left_max, label=unit, show_units=False),
        right_y_axis=(
            cloudwatch.YAxisProps(min=0, label=right_unit, show_units=False)
            if right_metrics
            else None
        ),
        left_annotations=list(limits) or None,
        stacked=stacked,
        legend_position=legend,
        width=width,
        height=_WIDGET_HEIGHT,
    )


def number_widget(
    title: str, *metrics: cloudwatch.Metric, width: int
) -> cloudwatch.SingleValueWidget:
    """Return a widget that shows each metric as one number for the dashboard's time range."""
    return cloudwatch.SingleValueWidget(
        title=title,
        metrics=list(metrics),
        set_period_to_time_range=True,
        full_precision=True,
        width=width,
        height=3,
    )


def log_table(
    title: str, log_group: logs.ILogGroup, query: Sequence[str], *, width: int
) -> cloudwatch.LogQueryWidget:
    """Return a table with the results of a CloudWatch Logs Insights query on a log group."""
    return cloudwatch.LogQueryWidget(
        title=title,
        log_group_names=[log_group.log_group_name],
        query_lines=list(query),
        view=cloudwatch.LogQueryVisualizationType.TABLE,
        width=width,
        height=_WIDGET_HEIGHT,
    )
