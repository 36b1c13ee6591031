import ast

def main(text="{'a': [1, 2, 3], 'b': (4, 5)}"):
    data = ast.literal_eval(text)
    return {key: sum(value) for key, value in data.items()}
