# tries: to smuggle names that mean something to whoever stores the files
# expect: success
# within: 5s
# artifacts: $(id).csv -rf.csv C:autoexec.csv con.csv no-extension x.csv.exe
import os

NAMES = [
    b"\xff\xfe.csv",
    b"\xc0\xaf.csv",
    b"new\nline.csv",
    b"tab\t.csv",
    b"\x1b[31m.csv",
    b"del\x7f.csv",
    b"..csv",
    b"...csv",
    b"a..b.csv",
    b"back\\slash.csv",
    b"..\\..\\x.csv",
    b".hidden.csv",
    b"no-extension",
    b"x.csv.exe",
    b"-rf.csv",
    b"$(id).csv",
    b"con.csv",
    b"C:autoexec.csv",
]


def main(**_):
    for name in NAMES:
        fd = os.open(b"artifacts/" + name, os.O_CREAT | os.O_WRONLY)
        os.write(fd, b"x")
