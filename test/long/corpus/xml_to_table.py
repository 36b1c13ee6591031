# Read XML and sum a column.
# result: {"prices":{"a":"1.10","b":"2.20"},"total":"3.30"}
import xml.etree.ElementTree as ET
from decimal import Decimal

XML = "<items><item name='a'><price>1.10</price></item><item name='b'><price>2.20</price></item></items>"

def main():
    prices = {i.get("name"): Decimal(i.findtext("price")) for i in ET.fromstring(XML)}
    return {"prices": prices, "total": sum(prices.values())}
