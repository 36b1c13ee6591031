# 统计中文评论的词频 (count words of Chinese reviews).
# arguments: {"text": "很好 质量 很好 价格 质量 很好"}
# result: [["很好",3],["质量",2]]
# file: 词频.txt text/plain
# stdout: "共 6 个词\n"
import re
from collections import Counter

def main(text):
    words = re.findall(r"[\u4e00-\u9fff]{2}", text)
    counts = Counter(words)
    with open("词频.txt", "w", encoding="utf-8") as f:
        for word, n in counts.most_common():
            f.write(f"{word}\t{n}\n")
    print("共", len(words), "个词")
    return counts.most_common(2)
