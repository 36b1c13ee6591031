"""Gives matplotlib and Pillow fonts for every script, whichever font a program names.

Run once as root in the image that is being made, when the packages are installed. matplotlib looks for
fonts by name in a list of its own (it does not ask fontconfig), and draws what a font lacks only with the
further fonts that the program names. So the list gets the names that programs use for fonts that are not
there, each with a file that is, and every text ends with the same three fonts. A name that is in no list
is told once, not for each text. Pillow and reportlab look for file names, which become links.
"""

import json
import os
import pathlib

os.environ["MPLCONFIGDIR"] = "/tmp/matplotlib"

from matplotlib import font_manager

CACHE = pathlib.Path("/usr/share/matplotlib/font-cache")
LINKS = pathlib.Path("/usr/share/fonts/truetype")
FALLBACKS = ("DejaVu Sans", "WenQuanYi Micro Hei", "Symbola")

NAMES = {
    "WenQuanYi Micro Hei": """SimHei|SimSun|NSimSun|Microsoft YaHei|Microsoft JhengHei|KaiTi|FangSong|STHeiti|STSong
STKaiti|STFangsong|STXihei|PingFang SC|PingFang TC|PingFang HK|Heiti SC|Heiti TC|Songti SC|Hiragino Sans GB
Arial Unicode MS|WenQuanYi Zen Hei|Droid Sans Fallback|Noto Sans CJK SC|Noto Sans CJK TC|Noto Sans CJK JP
Noto Sans CJK KR|Noto Serif CJK SC|Noto Serif CJK JP|Noto Sans SC|Noto Sans TC|Noto Sans JP|Noto Sans KR
Noto Serif SC|Source Han Sans SC|Source Han Sans CN|Source Han Serif SC|AR PL UMing CN|AR PL UKai CN|MS Gothic
MS PGothic|MS Mincho|Yu Gothic|Meiryo|Hiragino Sans|Hiragino Kaku Gothic Pro|Hiragino Maru Gothic Pro
IPAGothic|IPAexGothic|IPAPGothic|TakaoPGothic|TakaoGothic|VL Gothic|Malgun Gothic|NanumGothic|NanumBarunGothic
AppleGothic|Apple SD Gothic Neo|Batang|Gulim""",
    "Symbola": "Noto Color Emoji|Noto Emoji|Segoe UI Emoji|Segoe UI Symbol|Apple Color Emoji|Twemoji",
    "Liberation Sans": "Arial|Helvetica|Helvetica Neue|Verdana|Tahoma|Calibri|Segoe UI|Roboto|Open Sans",
    "Liberation Serif": "Times New Roman|Times|Georgia|Cambria|Palatino",
    "Liberation Mono": "Courier New|Courier|Consolas|Menlo|Monaco",
}

FILES = {
    "wqy/wqy-microhei.ttc": """SimHei.ttf simhei.ttf simsun.ttc SimSun.ttf simsun.ttf msyh.ttc msyh.ttf simkai.ttf
simfang.ttf wqy-microhei.ttc wqy-zenhei.ttc NotoSansCJK-Regular.ttc NotoSansCJK-Bold.ttc NotoSansCJKsc-Regular.otf
NotoSansCJKjp-Regular.otf NotoSansCJKkr-Regular.otf NotoSansSC-Regular.otf NotoSansSC-Regular.ttf
NotoSansJP-Regular.otf NotoSerifCJK-Regular.ttc SourceHanSansCN-Regular.otf SourceHanSansSC-Regular.otf
DroidSansFallback.ttf DroidSansFallbackFull.ttf PingFang.ttc STHeiti.ttc msgothic.ttc meiryo.ttc malgun.ttf
NanumGothic.ttf ipag.ttf ipaexg.ttf uming.ttc ukai.ttc""",
    "ancient-scripts/Symbola_hint.ttf": "Symbola.ttf NotoEmoji-Regular.ttf seguiemj.ttf seguisym.ttf",
    "liberation/LiberationSans-Regular.ttf": """arial.ttf Arial.ttf helvetica.ttf Helvetica.ttf verdana.ttf tahoma.ttf
calibri.ttf FreeSans.ttf""",
    "liberation/LiberationSans-Bold.ttf": "arialbd.ttf Arial_Bold.ttf verdanab.ttf calibrib.ttf FreeSansBold.ttf",
    "liberation/LiberationSans-Italic.ttf": "ariali.ttf",
    "liberation/LiberationSerif-Regular.ttf": "times.ttf Times.ttf georgia.ttf FreeSerif.ttf",
    "liberation/LiberationSerif-Bold.ttf": "timesbd.ttf",
    "liberation/LiberationMono-Regular.ttf": "cour.ttf courier.ttf consola.ttf FreeMono.ttf",
}

LOOK_UP = """
        for family in prop.get_family():
            cprop = prop.copy()
"""
LOOK_UP_ALL = f"""
        for family in (*prop.get_family(), *({FALLBACKS!r} if fontext == "ttf" else ())):
            cprop = prop.copy()
"""
ONE_DEFAULT = """
        # only add default family if no other font was found and
"""
ONCE_EACH = """
        fpaths = list(dict.fromkeys(fpaths))
""" + ONE_DEFAULT
CACHE_FOLDER = "fm_path = Path(\n        mpl.get_cachedir(),"
NOT_FOUND = [
    '_log.warning(\n                        "findfont: Generic family %r not found because "',
    '_log.warning("findfont: Font family %r not found."',
]
WEIGHT = "_log.warning(\n                'findfont: Failed to find font weight"
WARN_ONCE = '''

@lru_cache(256)
def _warn_once(message, *args):
    _log.warning(message, *args)


def _load_fontmanager('''


def replace(text, old, new):
    if text.count(old) != 1:
        raise SystemExit(f"font_manager.py holds this {text.count(old)} times, not once: {old!r}")
    return text.replace(old, new)


def change_font_manager():
    path = pathlib.Path(font_manager.__file__)
    text = path.read_text()
    text = replace(text, LOOK_UP, LOOK_UP_ALL)
    text = replace(text, ONE_DEFAULT, ONCE_EACH)
    text = replace(text, CACHE_FOLDER, f'fm_path = Path(\n        "{CACHE}",')
    for old in NOT_FOUND:
        text = replace(text, old, old.replace("_log.warning", "_warn_once"))
    text = replace(text, WEIGHT, WEIGHT.replace("warning", "info"))
    text = replace(text, "\n\ndef _load_fontmanager(", WARN_ONCE)
    path.write_text(text)


def write_font_list():
    source = next(pathlib.Path(os.environ["MPLCONFIGDIR"]).glob("fontlist-*.json"))
    listed = json.loads(source.read_text())
    fonts = listed["ttflist"]
    for name, others in NAMES.items():
        entries = [font for font in fonts if font["name"] == name]
        if not entries:
            raise SystemExit(f"there is no font {name}")
        for other in others.replace("\n", "|").split("|"):
            fonts += [{**entry, "name": other} for entry in entries]
    CACHE.mkdir(parents=True)
    (CACHE / source.name).write_text(json.dumps(listed))


def link_files():
    dejavu = pathlib.Path(font_manager.__file__).parent / "mpl-data/fonts/ttf"
    for font in dejavu.glob("DejaVu*.ttf"):
        (LINKS / font.name).symlink_to(font)
    for target, names in FILES.items():
        if not (LINKS / target).exists():
            raise SystemExit(f"there is no font file {target}")
        for name in names.split():
            (LINKS / name).symlink_to(target)


write_font_list()
change_font_manager()
link_files()
