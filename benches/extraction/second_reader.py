"""Reads spreadsheets (openpyxl, xlrd) and Word files a second time: one line of JSON for each file that can be read.

Cells come by sheet as [row, column, kind, value], words by part.
"""

import collections
import datetime
import json
import signal
import sys
import zipfile
from xml.etree import ElementTree

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
KINDS = {"document": "body", "header": "notes", "footer": "notes", "footnotes": "notes", "endnotes": "notes"}


def cell(value):
    if isinstance(value, bool):
        return ["flag", str(value).lower()]
    if isinstance(value, (int, float)):
        return ["number", repr(float(value))]
    if isinstance(value, datetime.datetime):
        return ["time", value.replace(microsecond=0).isoformat(sep=" ")]
    if isinstance(value, datetime.date):
        return ["time", f"{value.isoformat()} 00:00:00"]
    if isinstance(value, (datetime.time, datetime.timedelta)):
        return ["other", str(value)]
    return ["text", " ".join(str(value).replace("_x000D_", "\r").split())]


def from_openpyxl(path):
    import openpyxl

    for sheet in openpyxl.load_workbook(path, data_only=True).worksheets:
        cells = [[at.row, at.column, *cell(at.value)] for row in sheet.iter_rows() for at in row if at.value not in (None, "")]
        yield sheet.title, cells


def from_xlrd(path):
    import xlrd

    book = xlrd.open_workbook(path, formatting_info=True)
    for sheet in book.sheets():
        cells = []
        for row in range(sheet.nrows):
            for column in range(sheet.ncols):
                at = sheet.cell(row, column)
                if at.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK) or at.value == "":
                    continue
                value = at.value
                shown = book.format_map[book.xf_list[at.xf_index].format_key].format_str.lower()
                if at.ctype == xlrd.XL_CELL_DATE and "[h" in shown:
                    value = datetime.timedelta(days=value)
                elif at.ctype == xlrd.XL_CELL_DATE:
                    value = xlrd.xldate_as_datetime(value, book.datemode) if value >= 1 else datetime.time()
                elif at.ctype == xlrd.XL_CELL_BOOLEAN:
                    value = bool(value)
                elif at.ctype == xlrd.XL_CELL_ERROR:
                    value = xlrd.error_text_from_code.get(value, "")
                cells.append([row + 1, column + 1, *cell(value)])
        yield sheet.name, cells


def text(element):
    if element.tag == FALLBACK:
        return ""
    own = (element.text or "") if element.tag == WORD + "t" else ""
    if element.tag in (WORD + "tab", WORD + "br", WORD + "cr"):
        own = " "
    if element.tag == WORD + "noBreakHyphen":
        own = "-"
    inner = own + "".join(text(child) for child in element)
    return inner + " " if element.tag == WORD + "p" else inner


def from_docx(path):
    words = collections.defaultdict(list)
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            kind = KINDS.get(name.removeprefix("word/").removesuffix(".xml").rstrip("0123456789"))
            if kind and name.startswith("word/") and name.endswith(".xml"):
                words[kind] += text(ElementTree.fromstring(archive.read(name))).split()
    return words


def give_up(*_):
    raise TimeoutError


def read(path):
    if path.endswith(".docx"):
        return {"words": from_docx(path)}
    reader = from_xlrd if path.endswith(".xls") else from_openpyxl
    return {"sheets": [{"name": name, "cells": cells} for name, cells in reader(path)]}


# Hostile files keep this reader busy for ever.
signal.signal(signal.SIGALRM, give_up)
for path in sys.argv[1:]:
    signal.alarm(10)
    try:
        print(json.dumps({"file": path, **read(path)}))
    except Exception as error:  # whatever it is: this reader cannot read it
        print(f"{path}: {type(error).__name__}", file=sys.stderr)
