# A table out of a page.
# needs: bs4
# result: [["k","v"],["a","1"],["b","2"]]
from bs4 import BeautifulSoup

HTML = "<table><tr><th>k</th><th>v</th></tr><tr><td>a</td><td>1</td></tr><tr><td>b</td><td>2</td></tr></table>"

def main():
    soup = BeautifulSoup(HTML, "html.parser")
    return [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in soup.find_all("tr")]
