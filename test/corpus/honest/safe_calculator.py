import operator
import re

OPS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}

def tokenize(expression):
    return re.findall(r"\d+\.?\d*|[+\-*/()]", expression)

def evaluate(tokens):
    def term():
        value = factor()
        while tokens and tokens[0] in "*/":
            value = OPS[tokens.pop(0)](value, factor())
        return value

    def factor():
        token = tokens.pop(0)
        if token == "(":
            value = expr()
            tokens.pop(0)
            return value
        return float(token)

    def expr():
        value = term()
        while tokens and tokens[0] in "+-":
            value = OPS[tokens.pop(0)](value, term())
        return value

    return expr()

def main(expression="2 * (3 + 4) - 5"):
    return evaluate(tokenize(expression))
