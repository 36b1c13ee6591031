# tries: to find anything that listens on loopback
# expect: success []
# within: 6s
import socket


def main(manager_port):
    found = []
    ports = [*range(1, 3000), manager_port, 3306, 5432, 6379, 8080, 9000, 9200, 9380, 9385, 11211]
    for port in ports:
        with socket.socket() as connection:
            connection.settimeout(0.05)
            if connection.connect_ex(("127.0.0.1", port)) == 0:
                found.append(port)
    return found
