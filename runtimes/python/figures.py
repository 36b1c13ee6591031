"""Saves what a program shows: figures of matplotlib, images of PIL, figures of plotly.

There is nobody to see a window. What is shown becomes ``figure-1.png`` (or ``.html``), ``figure-2.png`` ... in the
working directory, and so do figures that are left open at the program's end, unless the program has written
them to a file itself. What a cell shows is displayed with it, and becomes no file.
"""

import os
import sys
from weakref import WeakKeyDictionary, WeakSet

# matplotlib's warnings name the first line that is not matplotlib's own: by this, the program's.
__name__ = "matplotlib.figures"
WORKSPACE = "/workspace"
MOST_FIGURES = 100
# Backends of matplotlib that need a display: there is none, so that they draw as Agg does.
WINDOWS = "tk", "qt", "gtk", "wx", "mac", "nbagg", "notebook", "webagg", "ipympl", "widget", "inline"
OTHER_FONTS = "DejaVu Sans", "WenQuanYi Micro Hei", "Symbola"
FIRST_PICTURE = 0x2600

display = None
"""In a cell, what displays a value."""
shows_saved_images = False
"""Whether an image that is saved to a path is displayed as well."""
_shown = WeakSet()
"""Figures that the cell has displayed."""
_paths = WeakKeyDictionary()
"""Of each figure that was shown, the file that it is in."""
_written = WeakSet()
"""Figures that are in a file of the program's or of ours, as they are now."""
_waiting = WeakSet()
"""Figures that were shown by a call that does not wait, and are saved when they are done."""


def new_path(suffix):
    """The path of the next figure: an empty file that nobody else has."""
    for number in range(1, MOST_FIGURES + 1):
        path = f"{WORKSPACE}/figure-{number}{suffix}"
        others = (f"{WORKSPACE}/figure-{number}{other}" for other in (".png", ".html") if other != suffix)
        if any(map(os.path.exists, others)):
            continue
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
            return path
        except FileExistsError:
            continue
    raise RuntimeError(f"more than {MOST_FIGURES} figures are shown")


def save(figure):
    """Saves a figure of matplotlib, under the same name as before if it was shown before."""
    if display:
        display(figure)
        _waiting.discard(figure)
        return
    path = _paths.get(figure)
    if path is None:
        path = _paths[figure] = new_path(".png")
    try:
        figure.savefig(path, format="png")
    except BaseException:
        os.unlink(path)
        del _paths[figure]
        raise
    _written.add(figure)
    _waiting.discard(figure)


def save_open_figures(has_failed):
    """Saves the figures that the program left open and never wrote to a file. What cannot be drawn is told on
    stderr, unless the program has failed anyway."""
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    if not helpers or not helpers.Gcf.figs:
        return
    for manager in helpers.Gcf.get_all_fig_managers():
        figure = manager.canvas.figure
        is_empty = len(figure.get_children()) <= 1
        if (figure in _written and figure not in _waiting) or is_empty:
            continue
        try:
            save(figure)
        except Exception as error:
            if not has_failed:
                print(f"A figure could not be saved: {type(error).__name__}: {error}", file=sys.stderr)


def note_shown(figure):
    _shown.add(figure)


def show_open_figures(has_failed):
    """Displays and closes the figures that a cell left open, but for those that it has displayed."""
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    if not helpers or not helpers.Gcf.figs:
        return
    try:
        for manager in helpers.Gcf.get_all_fig_managers():
            figure = manager.canvas.figure
            if figure not in _shown and len(figure.get_children()) > 1:
                display(figure)
    except Exception as error:
        if not has_failed:
            print(f"A figure could not be shown: {type(error).__name__}: {error}", file=sys.stderr)
    _waiting.clear()
    helpers.Gcf.destroy_all()


def patch_matplotlib(pyplot):
    """Has pyplot save what it shows."""
    bases = sys.modules["matplotlib.backend_bases"]
    gcf = sys.modules["matplotlib._pylab_helpers"].Gcf
    last_shown = []

    def show(*args, **kwargs):
        """Save all open figures as files, since there is no display, and close them."""
        block = args[0] if args else kwargs.get("block")
        managers = gcf.get_all_fig_managers()
        if block is False:
            _waiting.update(manager.canvas.figure for manager in managers)
            return
        for manager in managers:
            save(manager.canvas.figure)
        if managers:
            last_shown[:] = [gcf.get_active().canvas.figure]
            gcf.destroy_all()

    write = pyplot.savefig

    def savefig(*args, **kwargs):
        # The window is closed by now, where there is one. But what is meant is clear.
        if last_shown and not gcf.figs:
            return last_shown[0].savefig(*args, **kwargs)
        return write(*args, **kwargs)

    savefig.__doc__ = write.__doc__

    print_figure = bases.FigureCanvasBase.print_figure

    def note_print(self, *args, **kwargs):
        result = print_figure(self, *args, **kwargs)
        _written.add(self.figure)
        return result

    destroy = bases.FigureManagerBase.destroy

    def save_and_destroy(self):
        if self.canvas.figure in _waiting:
            save(self.canvas.figure)
        return destroy(self)

    pyplot.show, pyplot.savefig = show, savefig
    bases.FigureCanvasBase.print_figure = note_print
    bases.FigureManagerBase.show = lambda self: save(self.canvas.figure)
    bases.FigureManagerBase.destroy = save_and_destroy
    _patch_backend(pyplot, "switch_backend")


def patch_backend_choice(matplotlib):
    _patch_backend(matplotlib, "use")


def _patch_backend(module, name):
    choose = getattr(module, name)

    def choose_without_display(backend, *args, **kwargs):
        text = str(backend).lower()
        needs_display = any(word in text for word in WINDOWS)
        return choose("agg" if needs_display else backend, *args, **kwargs)

    choose_without_display.__doc__ = choose.__doc__
    setattr(module, name, choose_without_display)


def patch_pil(image):
    """Has Image.show() save the image."""

    def show(self, title=None):
        """Save this image as a file, since there is no display."""
        if display:
            display(self)
            return
        path = new_path(".png")
        shown = self if self.mode in ("1", "L", "LA", "I", "P", "RGB", "RGBA", "I;16") else self.convert("RGB")
        shown.save(path, format="PNG")

    write = image.Image.save

    def save(self, fp, *args, **params):
        if shows_saved_images and display and isinstance(fp, str):
            display(self)
        return write(self, fp, *args, **params)

    save.__doc__ = write.__doc__
    image.Image.show, image.Image.save = show, save


def patch_plotly_figures(basedatatypes):
    basedatatypes.BaseFigure.show = lambda self, *args, **kwargs: _save_plotly(self)


def patch_plotly_renderers(renderers):
    renderers.show = lambda fig, *args, **kwargs: _save_plotly(fig)


def _forms_of_plotly(figure):
    return {
        "text/plain": f"Figure with {len(figure.data)} traces",
        "text/html": figure.to_html(full_html=False, include_plotlyjs="cdn"),
        "application/vnd.plotly.v1+json": figure.to_plotly_json(),
    }


def _save_plotly(figure):
    if isinstance(figure, dict):
        figure = sys.modules["plotly.graph_objects"].Figure(figure)
    if display:
        display(figure, _forms_of_plotly(figure))
        return
    figure.write_html(new_path(".html"), include_plotlyjs=True)


def patch_mathtext(mathtext):
    """Has texts with formulas in them find the fonts that other texts end with (fonts.py)."""
    fonts = mathtext.UnicodeFonts
    get_glyph = fonts._get_glyph

    def get_glyph_of_any_script(self, fontname, font_class, sym):
        # Emoji, Chinese, Japanese and Korean, which no font for formulas has.
        if len(sym) == 1 and ord(sym) >= FIRST_PICTURE:
            for name in OTHER_FONTS:
                font = mathtext.get_font(mathtext.findfont(name))
                if font.get_char_index(ord(sym)):
                    return font, ord(sym), False
        return get_glyph(self, fontname, font_class, sym)

    fonts._get_glyph = get_glyph_of_any_script


PATCHES = {
    "matplotlib": patch_backend_choice,
    "matplotlib._mathtext": patch_mathtext,
    "matplotlib.pyplot": patch_matplotlib,
    "PIL.Image": patch_pil,
    "plotly.basedatatypes": patch_plotly_figures,
    "plotly.io._renderers": patch_plotly_renderers,
}
"""By the module that they change, once it is loaded."""
