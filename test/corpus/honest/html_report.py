from html import escape
from string import Template

PAGE = Template("<html><head><title>$title</title></head><body>$body</body></html>")

def render(rows):
    cells = "".join(f"<tr><td>{escape(k)}</td><td>{v}</td></tr>" for k, v in rows.items())
    return PAGE.substitute(title="Report", body=f"<table>{cells}</table>")

def write_report(path, html):
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(html)

def main():
    write_report("artifacts/report.html", render({"a<b": 1, "c": 2}))
    return "ok"
