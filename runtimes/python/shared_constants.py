"""Keeps docstrings and line tables of preloaded code in a file, instead of in the memory of each executor.

They are a tenth of what an executor with pandas holds, and hardly a program looks at them. Executors are restored from
one snapshot, each with a copy of its memory, but files that are mapped they share. So the file has whole objects of
CPython: texts and bytes that never die (`None` has the same reference count), and therefore are not written to when
they are used. The code that refers to them is changed in place once it is read.

Known of CPython here: where a tuple has its items, and that an object begins with its reference count. Where a code
object has its line table is looked up. `bundle.py` compares all that it wrote with what it was made of.
"""

import struct
import sys
from binascii import crc32
from bisect import bisect_left
from types import CodeType, FunctionType

LEAST_TEXT = 64
IS_FUNCTION = 0x1
# A fixed address, as programs have that are not position-independent: otherwise no file can refer to a type.
CAN_SHARE = id(str) < 1 << 32 and id(bytes) < 1 << 32
FIELDS = struct.Struct("<II")
"""Of a place: where it stands in the constants of its code, or LINES; where its object is in the file."""
LINES = 0xFFFFFFFF
NEXT_CODE = (LINES - 1, 0)
ENTRY = struct.Struct("<II")
"""Of the table of docstrings that decorators made, as one number: the place, and above it the sum."""


def sum_of(text):
    return crc32(text.encode())


def doc_index(code):
    """Where a code object's constants have its docstring; None if there is none that is worth it."""
    if not code.co_flags & IS_FUNCTION and "__doc__" not in code.co_names:
        return None
    # A function's first constant is its docstring or None; the body of a class has its name before it.
    found = (n for n, value in enumerate(code.co_consts[:3]) if type(value) is str and len(value) >= LEAST_TEXT)
    index = next(found, None)
    if index is None or code.co_flags & IS_FUNCTION and index > 0:
        return None
    # A class asks for the bytes of its docstring, and other than ASCII text writes them down in itself.
    return index if code.co_flags & IS_FUNCTION or code.co_consts[index].isascii() else None


class Writer:
    """Makes the file, at whose beginning the objects stand."""

    def __init__(self, file):
        import ctypes

        self._file = file
        self._known = {}
        self._bytes_at = ctypes.string_at
        self._immortal = ctypes.string_at(id(None), 8)

    def take(self, code):
        """Returns the code without its docstrings and line tables, and the places where they stood."""
        places = []
        return self._without(code, places), b"".join(FIELDS.pack(*place) for place in places)

    def take_made_docs(self, functions):
        """Writes the docstrings that decorators made. Returns a table, sorted: the sum of each text, and its place."""
        table = set()
        for function in functions:
            doc = function.__doc__
            if type(doc) is str and len(doc) >= LEAST_TEXT and (str, doc) not in self._known:
                table.add((sum_of(doc), self._object(doc, doc.encode().decode())))
        return b"".join(ENTRY.pack(offset, sum) for sum, offset in sorted(table))

    def _without(self, code, places):
        consts = list(code.co_consts)
        index = doc_index(code)
        if index is not None:
            text = consts[index]
            places.append((index, self._object(text, text.encode().decode())))
            consts[index] = ""
        lines = code.co_linetable
        places.append((LINES, self._object(lines, bytes(bytearray(lines)))))
        for index, value in enumerate(consts):
            if type(value) is CodeType:
                places.append(NEXT_CODE)
                consts[index] = self._without(value, places)
        return code.replace(co_consts=tuple(consts), co_linetable=b"")

    def _object(self, value, fresh):
        """Writes an object unless that is done; ``fresh`` is one that nobody has hashed or interned."""
        key = (type(value), value)
        if key not in self._known:
            self._file.write(bytes(-self._file.tell() % 16))
            self._known[key] = self._file.tell()
            self._file.write(self._immortal + self._bytes_at(id(fresh) + 8, sys.getsizeof(fresh) - 8))
        return self._known[key]


class Reader:
    """Maps the objects of a file, and puts them where they belong."""

    def __init__(self, file, length):
        import ctypes
        import mmap

        self._pointer = ctypes.c_void_p.from_address
        if length:
            self._map = mmap.mmap(file.fileno(), length, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
            # It stays mapped for good: code refers to it.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._map))
            self._view = (ctypes.c_char * length).from_buffer(self._map)
            self._base = ctypes.addressof(self._view)
        self._object_at = lambda offset: ctypes.cast(self._base + offset, ctypes.py_object).value
        sample = Reader.__init__.__code__
        words = ctypes.string_at(id(sample), type(sample).__basicsize__)
        self._lines_at = 8 * struct.unpack(f"{len(words) // 8}P", words).index(id(sample.co_linetable))

    def put(self, code, places):
        """Gives a code object, which nobody has executed, what Writer.take() took from it."""
        self._put(code, FIELDS.iter_unpack(places))

    def _put(self, code, places):
        inner = (value for value in code.co_consts if type(value) is CodeType)
        for index, offset in places:
            if index == LINES:
                self._pointer(id(code) + self._lines_at).value = self._base + offset
                break
            self._pointer(id(code.co_consts) + tuple.__basicsize__ + 8 * index).value = self._base + offset
        for one in inner:
            assert next(places) == NEXT_CODE
            self._put(one, places)

    def replace_made_docs(self, module, table):
        """Gives the functions of a module that was just executed the equal docstrings of the file."""
        entries = memoryview(table).cast("Q")
        for value in list(vars(module).values()):
            self._replace_doc(value, entries)
            if isinstance(value, type) and value.__module__ == module.__name__:
                for member in list(vars(value).values()):
                    self._replace_doc(getattr(member, "__func__", None) or getattr(member, "fget", member), entries)

    def _replace_doc(self, function, entries):
        if type(function) is not FunctionType or type(function.__doc__) is not str:
            return
        doc = function.__doc__
        if len(doc) < LEAST_TEXT:
            return
        sum = sum_of(doc)
        at = bisect_left(entries, sum << 32)
        if at < len(entries) and entries[at] >> 32 == sum:
            equal = self._object_at(entries[at] & 0xFFFFFFFF)
            if equal == doc:
                function.__doc__ = equal
