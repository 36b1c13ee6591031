from dataclasses import dataclass

@dataclass
class Num:
    value: float

@dataclass
class BinOp:
    op: str
    left: object
    right: object

class Evaluator:
    def visit(self, node):
        method = getattr(self, f"visit_{type(node).__name__}", self.generic)
        return method(node)

    def visit_Num(self, node):
        return node.value

    def visit_BinOp(self, node):
        left, right = self.visit(node.left), self.visit(node.right)
        return {"+": left + right, "*": left * right}[node.op]

    def generic(self, node):
        raise TypeError(f"unknown node {node!r}")

def main():
    return Evaluator().visit(BinOp("+", Num(2), BinOp("*", Num(3), Num(4))))
