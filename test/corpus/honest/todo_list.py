class TodoList:
    def __init__(self):
        self.items = []

    def add(self, item):
        self.items.append(item)

    def remove(self, item):
        self.items.remove(item)

    def rename(self, old, new):
        self.items = [new if i == old else i for i in self.items]

def main():
    todo = TodoList()
    for task in ["eat", "code", "sleep"]:
        todo.add(task)
    todo.remove("eat")
    todo.rename("code", "write tests")
    return todo.items
