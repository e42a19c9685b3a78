"""Prints the rows of an export as databases see them, one object of JSON a line."""

import json
import sys
from decimal import Decimal


def plain(name, value):
    if isinstance(value, Decimal):
        return int(value)
    if name == "fields":
        # A dictionary here, pairs there; DataFusion calls them by the names of the type.
        pairs = value.items() if isinstance(value, dict) else value
        return {key: text for key, text in pairs}
    return value


def of_pyarrow(path, form):
    import pyarrow
    import pyarrow.parquet

    if form == "parquet":
        return pyarrow.parquet.read_table(path)
    with pyarrow.OSFile(path) as file:
        opened = pyarrow.ipc.open_file if form == "arrow" else pyarrow.ipc.open_stream
        return opened(file).read_all()


def of_duckdb(path, form):
    import duckdb

    table = of_pyarrow(path, form) if form != "parquet" else None
    source = "table" if table is not None else f"read_parquet('{path}')"
    # Every column by its name, without quotes: none of them is a word of SQL.
    columns = ", ".join(json.loads(sys.argv[4]))
    connection = duckdb.connect()
    if table is not None:
        connection.register("given", table)
        source = "given"
    found = connection.sql(f"SELECT {columns} FROM {source}")
    return [dict(zip(found.columns, row)) for row in found.fetchall()]


def of_datafusion(path, form):
    import datafusion

    context = datafusion.SessionContext()
    if form == "parquet":
        context.register_parquet("given", path)
    else:
        context.from_arrow(of_pyarrow(path, form), "given")
    columns = ", ".join(json.loads(sys.argv[4]))
    return context.sql(f"SELECT {columns} FROM given").to_pylist()


READERS = {
    "pyarrow": lambda path, form: of_pyarrow(path, form).to_pylist(),
    "duckdb": of_duckdb,
    "datafusion": of_datafusion,
}

for row in READERS[sys.argv[1]](sys.argv[2], sys.argv[3]):
    print(json.dumps({name: plain(name, value) for name, value in row.items()}))
