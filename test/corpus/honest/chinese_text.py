# 统计中文文本中的字数
import re
from collections import Counter

def main(text="你好，世界！你好，开放的世界。"):
    字 = re.findall(r"[\u4e00-\u9fff]", text)
    return {"字数": len(字), "最常见": Counter(字).most_common(2)}
