"""What a figure of matplotlib shows, as data: kinds, titles, axes, and points, bars, wedges or boxes.

The words are those of E2B's clients (chart types line, scatter, bar, pie, box_and_whisker, superchart and unknown).
A figure with one pair of axes is a chart; with several, a superchart of charts.
"""

import datetime
import re

UNIT = re.compile(r"\s\((.*?)\)|\[(.*?)\]")
DIGITS = 8
# A position may be so far beside the tick that it belongs to, as part of the axis.
NEAR = 1e-6


def chart_of(figure):
    """The chart that a figure is, made of what JSON has; None for a figure that shows nothing."""
    axes = figure.get_axes()
    if not any(one.has_data() for one in axes):
        return None
    if len(axes) == 1:
        return _chart_of_axes(axes[0])
    title = figure.get_suptitle() or None
    return {"type": "superchart", "title": title, "elements": [_chart_of_axes(one) for one in axes]}


def points_of(figure):
    """How many points its lines and point clouds have."""
    clouds = (len(cloud.get_offsets()) for axes in figure.get_axes() for cloud in axes.collections)
    return sum(clouds) + sum(len(line.get_xdata()) for axes in figure.get_axes() for line in axes.lines)


def _chart_of_axes(axes):
    kind = _kind_of(axes)
    chart = {"type": kind, "title": axes.get_title() or None}
    if kind in ("line", "scatter"):
        chart |= _labels(axes) | _scales(axes)
    elif kind in ("bar", "box_and_whisker"):
        chart |= _labels(axes)
    chart["elements"] = _ELEMENTS[kind](axes, chart)
    return chart


def _kind_of(axes):
    from matplotlib import collections, lines, patches, text

    # Without its frame, axes and legend, which get_children() has, too.
    shown = [artist for artist in axes._children if not isinstance(artist, text.Text)]

    def are(*kinds, of=shown):
        return all(isinstance(artist, kinds) for artist in of)

    if are(lines.Line2D):
        return "line"
    if are(patches.PathPatch, lines.Line2D):
        return "box_and_whisker"
    others = [artist for artist in shown if not (isinstance(artist, lines.Line2D) and _is_ruler(artist))]
    if are(collections.PathCollection, of=others):
        return "scatter"
    if are(patches.Wedge, of=others):
        return "pie"
    if are(patches.Rectangle, of=others):
        return "bar"
    return "unknown"


def _is_ruler(line):
    """Whether a line is one from side to side, or from top to bottom, which helps to read the others."""
    x, y = line.get_xdata(), line.get_ydata()
    return len(x) == len(y) == 2 and (x[0] == x[1] or y[0] == y[1])


def _labels(axes):
    labels = {"x_label": axes.get_xlabel() or None, "y_label": axes.get_ylabel() or None}
    for axis in "xy":
        found = UNIT.search(labels[f"{axis}_label"] or "")
        labels[f"{axis}_unit"] = (found[1] or found[2]) if found else None
    return labels


def _scales(axes):
    scales = {}
    for name, axis in ("x", axes.xaxis), ("y", axes.yaxis):
        labels = [label.get_text() for label in axis.get_ticklabels()]
        positions = axis.get_ticklocs()
        kind = _scale_of(axis, positions, labels)
        scales[f"{name}_ticks"] = [_as_date(tick) if kind == "datetime" else float(tick) for tick in positions]
        scales[f"{name}_tick_labels"] = labels
        scales[f"{name}_scale"] = kind
    return scales


def _scale_of(axis, positions, labels):
    from matplotlib import dates

    get = getattr(axis, "get_converter", None)
    converter = get() if get else axis.converter
    if isinstance(converter, (dates._SwitchableDateConverter, dates.DateConverter)):
        return "datetime"
    if axis.get_scale() != "linear":
        return axis.get_scale()
    are_words = len(labels) > 0 and all(
        position == index and label != str(index) for index, (position, label) in enumerate(zip(positions, labels))
    )
    return "categorical" if are_words else "linear"


def _as_date(tick):
    from matplotlib import dates

    return dates.num2date(tick).isoformat()


def _lines(axes, _chart):
    elements = []
    for line in axes.get_lines():
        if line.get_transform() != axes.transData and _is_ruler(line):
            continue
        label = str(line.get_label())
        if label.startswith("_child"):
            label = f"Line {label[6:]}"
        elements.append({"label": label, "points": _points(zip(line.get_xdata(), line.get_ydata()))})
    return elements


def _scatters(axes, _chart):
    return [{"label": str(one.get_label()), "points": _points(one.get_offsets())} for one in axes.collections]


def _points(pairs):
    return [[_coordinate(x), _coordinate(y)] for x, y in pairs]


def _coordinate(value):
    """A number, or a text where it is a date or a word."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if type(value).__name__ == "datetime64":
        return str(value.astype("datetime64[s]"))
    if type(value).__name__ == "MaskedConstant":
        return None
    return float(value)


def _bars(axes, chart):
    elements = []
    is_lying = False
    for number, container in enumerate(axes.containers):
        group = str(container.get_label())
        if group.startswith("_container"):
            group = f"Group {group[10:]}"
        is_lying = getattr(container, "orientation", "vertical") == "horizontal"
        axis = axes.yaxis if is_lying else axes.xaxis
        bars = [bar for bar in container if hasattr(bar, "get_height")]
        values = [bar.get_width() if is_lying else bar.get_height() for bar in bars]
        middles = [
            bar.get_y() + bar.get_height() / 2 if is_lying else bar.get_x() + bar.get_width() / 2 for bar in bars
        ]
        labels = _bar_labels(axis, middles)
        elements += [
            {"label": label, "group": group, "value": float(value)} for label, value in zip(labels, values)
        ]
    if is_lying:
        _swap_axes(chart)
    return elements


def _bar_labels(axis, middles):
    """What stands below each bar: the label of the tick there, of the tick in its turn, or else its position."""
    ticks = [(position, label.get_text()) for position, label in zip(axis.get_ticklocs(), axis.get_ticklabels())]
    low, high = axis.get_view_interval()
    near = abs(high - low) * NEAR
    labels = []
    for middle in middles:
        found = [text for position, text in ticks if abs(position - middle) <= near and text]
        labels.append(found[0] if found else None)
    if None in labels and len(ticks) == len(middles):
        return [text for _, text in ticks]
    return [f"{middle:g}" if label is None else label for label, middle in zip(labels, middles)]


def _swap_axes(chart):
    """The axis of the values is y, as with bars that stand."""
    for of in "label", "unit":
        chart[f"x_{of}"], chart[f"y_{of}"] = chart[f"y_{of}"], chart[f"x_{of}"]


def _wedges(axes, _chart):
    return [
        {"label": str(wedge.get_label()), "angle": _rounded(abs(wedge.theta2 - wedge.theta1)), "radius": float(wedge.r)}
        for wedge in axes.patches
    ]


def _rounded(value):
    return float(f"{float(value):.{DIGITS}g}")


def _boxes(axes, chart):
    """The boxes of a box plot, standing or lying, read off their outlines and the lines around them."""
    for is_lying in False, True:
        boxes = [_box(patch, axes.lines, is_lying) for patch in axes.patches]
        if all("median" in box for box in boxes):
            break
    if is_lying:
        _swap_axes(chart)
    labels = [label.get_text() for label in (axes.yaxis if is_lying else axes.xaxis).get_ticklabels()]
    elements = []
    for index, box in enumerate(boxes):
        label = labels[index] if index < len(labels) else ""
        low, high = box["first_quartile"], box["third_quartile"]
        elements.append({"label": label, "min": low, "median": low, "max": high, "outliers": []} | box)
    return elements


def _box(patch, lines, is_lying):
    """``is_lying``: values are on the axis x."""
    along, across = (0, 1) if is_lying else (1, 0)
    outline = patch.get_path().vertices
    # The last vertex of a closed outline may be anywhere.
    outline = outline[:-1] if len(outline) > 4 else outline
    values, places = outline[:, along], outline[:, across]
    low, high = float(values.min()), float(values.max())
    left, right = float(places.min()), float(places.max())
    box = {"first_quartile": _rounded(low), "third_quartile": _rounded(high)}
    outliers = []
    width = 0
    for line in lines:
        at = [line.get_xdata(), line.get_ydata()]
        values, places = [float(v) for v in at[along]], [float(p) for p in at[across]]
        if not values or not all(left <= place <= right for place in places):
            continue
        if line.get_linestyle() in ("None", "", " "):
            outliers += [_rounded(value) for value in values if not low <= value <= high]
        elif len(values) != 2:
            continue
        elif values[0] == values[1] and low <= values[0] <= high and places[0] != places[1]:
            # The end of a whisker may lie on the box: it is shorter, or comes before.
            if abs(places[0] - places[1]) >= width:
                width = abs(places[0] - places[1])
                box["median"] = _rounded(values[0])
        elif places[0] == places[1] and max(values) <= low:
            box["min"] = _rounded(min(values))
        elif places[0] == places[1] and min(values) >= high:
            box["max"] = _rounded(max(values))
    return box | {"outliers": outliers}


_ELEMENTS = {
    "line": _lines,
    "scatter": _scatters,
    "bar": _bars,
    "pie": _wedges,
    "box_and_whisker": _boxes,
    "unknown": lambda axes, chart: [],
}
