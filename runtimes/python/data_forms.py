"""Forms of a value beside those of notebooks: what a table or a chart is made of, for programs that draw it anew.

By media type, as clients of E2B's code interpreter know them: ``e2b/data``, the columns of a DataFrame by their
names, and ``e2b/chart`` (charts.py), both as JSON text, so that no number loses its kind on the way;
``application/json`` of lists and dicts. IPython makes the other forms.

Known from outside: ``own_module`` and ``result_json``.
"""

import gc
import sys

DATA, CHART, JSON, TEXT = "e2b/data", "e2b/chart", "application/json", "text/plain"
# Of each form, in bytes; a cell shows 1 MiB in all. What has more is shown without it.
MOST_BYTES = 256 * 1024
# Of a table, chart or list. What has more is not looked at, for that takes memory.
MOST_VALUES = 50_000
# Clients' JSON readers take what is nested less deep than this.
MOST_DEPTH = 60
# Of a list that is shown as text. IPython's own are 1000.
MOST_ITEMS = 100_000

is_on = False
_charts = None
_formatter = None


def switch(to):
    """Has values be shown in these forms, or not, from here on."""
    global is_on, _formatter
    if _formatter is None:
        _formatter = _make_formatter()
    is_on = to
    if _formatter:
        text = _formatter.formatters[TEXT]
        text.max_seq_length = MOST_ITEMS if to else type(text).max_seq_length.default_value


def _make_formatter():
    """IPython's, which knows these forms from here on; False where there is no IPython."""
    try:
        from IPython.core.formatters import BaseFormatter
        from IPython.core.interactiveshell import InteractiveShell
    except ModuleNotFoundError:
        return False
    formatter = InteractiveShell.instance().display_formatter

    class Form(BaseFormatter):
        def __init__(self, form, usual=None):
            super().__init__(parent=formatter)
            self.form, self.usual = form, usual

        def __call__(self, obj):
            try:
                made = self.form(obj) if is_on else None
            except Exception:
                made = None
            return made if made is not None or self.usual is None else self.usual(obj)

    formatter.formatters[DATA] = Form(table_json)
    formatter.formatters[CHART] = Form(chart_json)
    formatter.formatters[JSON] = Form(plain_value, formatter.formatters[JSON])
    return formatter


def table_json(value):
    """The columns of a DataFrame as JSON text; None for anything else, and for what is too large."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(value, pandas.DataFrame) or value.size > MOST_VALUES:
        return None
    return _text(value.to_dict(orient="list"))


def chart_json(value):
    """What a figure of matplotlib shows, as JSON text; None for anything else, and for what is too large."""
    global _charts
    figure = sys.modules.get("matplotlib.figure")
    if figure is None or not isinstance(value, figure.Figure):
        return None
    if _charts is None:
        _charts = own_module("charts")
    if _charts.points_of(value) > MOST_VALUES:
        return None
    chart = _charts.chart_of(value)
    return None if chart is None else _text(chart)


def plain_value(value):
    """A list or dict itself, unless it is too large or too deep."""
    if not isinstance(value, list | dict) or _text(value) is None:
        return None
    return value


def _text(value):
    if not _is_shallow(value):
        return None
    json, _ = result_json(value)
    return json.decode() if len(json) <= MOST_BYTES else None


def _is_shallow(value):
    """Whether it has few values, and is nested less than MOST_DEPTH deep. Level by level, each container once."""
    level = [value]
    values = 0
    for _ in range(MOST_DEPTH):
        level = {id(item): item for item in level if isinstance(item, dict | list | tuple)}.values()
        if not level:
            return True
        values += sum(map(len, level))
        if values > MOST_VALUES:
            return False
        level = gc.get_referents(*level)
    return False
