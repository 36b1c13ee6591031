import sqlite3

def main():
    connection = sqlite3.connect(":memory:")
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, age INTEGER)")
    cursor.executemany("INSERT INTO users (name, age) VALUES (?, ?)", [("Ann", 30), ("Bob", 25)])
    rows = cursor.execute("SELECT name FROM users WHERE age > ? ORDER BY name", (26,)).fetchall()
    connection.close()
    return rows
