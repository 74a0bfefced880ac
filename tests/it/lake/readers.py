"""Reads the table of a lake with other readers and prints what each of them sees, as JSON: aggregates over all rows, and
the number of rows that each filter keeps.

Arguments: the table's folder, and `plain` where its files may be read without Delta's log too.
"""

import json
import sys
from datetime import datetime, timezone

import duckdb
import duckdb_extension_delta
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable

TABLE, PLAIN = sys.argv[1], sys.argv[2] == "plain"
# Within the sample logs: some files lie before, some after.
NOON = datetime(2026, 3, 10, 9, 0, tzinfo=timezone.utc)
FILES = TABLE + "/*/*/*/*/*.parquet"
SUMS = ["bytes", "packets", "line", "dstport"]
NAMES = ["interface_id", "srcaddr", "object"]


# SQL, the same in pyarrow, and in Polars. flowq runs the SQL.
FILTERS = [
    ("bytes > 1000000", ds.field("bytes") > 1_000_000, pl.col("bytes") > 1_000_000),
    ("action IS NULL", ds.field("action").is_null(), pl.col("action").is_null()),
    ("action = 'REJECT'", ds.field("action") == "REJECT", pl.col("action") == "REJECT"),
    ("instance_id IS NULL", ds.field("instance_id").is_null(), pl.col("instance_id").is_null()),
    ("interface_id IS NULL", ds.field("interface_id").is_null(), pl.col("interface_id").is_null()),
    ("interface_id IS NOT NULL", ds.field("interface_id").is_valid(), pl.col("interface_id").is_not_null()),
    ("interface_id < 'eni-08'", ds.field("interface_id") < "eni-08", pl.col("interface_id") < "eni-08"),
    ("dstport BETWEEN 22 AND 443", (ds.field("dstport") >= 22) & (ds.field("dstport") <= 443), pl.col("dstport").is_between(22, 443)),
    ("srcaddr > '10.20.2'", ds.field("srcaddr") > "10.20.2", pl.col("srcaddr") > "10.20.2"),
    (f"start >= '{NOON:%Y-%m-%dT%H:%M:%SZ}'", ds.field("start") >= pa.scalar(NOON), pl.col("start") >= NOON),
    (f'"end" < \'{NOON:%Y-%m-%dT%H:%M:%SZ}\'', ds.field("end") < pa.scalar(NOON), pl.col("end") < NOON),
]


def filtered_by_duckdb(relation):
    return [duckdb.sql(f"SELECT count(*) FROM {relation} WHERE {sql}").fetchone()[0] for sql, _, _ in FILTERS]


def filtered_by_polars(frame):
    return [frame.filter(condition).select(pl.len()).collect().item() for _, _, condition in FILTERS]


def filtered_by_arrow(dataset):
    return [dataset.count_rows(filter=condition) for _, condition, _ in FILTERS]


def by_duckdb(relation):
    sums = ", ".join(f"sum({name})::BIGINT" for name in SUMS)
    names = ", ".join(f"count(DISTINCT {name})" for name in NAMES)
    times = 'min(epoch("start"))::BIGINT, max(epoch("end"))::BIGINT'
    days = "count(DISTINCT date), sum(hour)::BIGINT"
    query = f"SELECT count(*), {sums}, {names}, {times}, {days} FROM {relation}"
    return list(duckdb.sql(query).fetchone())


def by_polars(frame):
    time = lambda column: column.dt.epoch("s")
    columns = [pl.len().alias("n")]
    columns += [pl.col(name).cast(pl.Int64).sum().alias("s" + name) for name in SUMS]
    columns += [pl.col(name).drop_nulls().n_unique().alias("u" + name) for name in NAMES]
    columns += [time(pl.col("start").min()).alias("first"), time(pl.col("end").max()).alias("last")]
    columns += [pl.col("date").n_unique().alias("days"), pl.col("hour").cast(pl.Int64).sum().alias("hours")]
    return list(frame.select(columns).collect().row(0))


def by_arrow(table):
    number = lambda value: value.as_py()
    second = lambda value: int(value.as_py().timestamp())
    result = [table.num_rows]
    result += [number(pc.sum(table[name])) for name in SUMS]
    result += [number(pc.count_distinct(table[name])) for name in NAMES]
    result += [second(pc.min(table["start"])), second(pc.max(table["end"]))]
    result += [number(pc.count_distinct(table["date"])), number(pc.sum(table["hour"]))]
    return result


def main():
    path = duckdb_extension_delta.__path__[0]
    duckdb.sql("SET TimeZone = 'UTC'")
    import glob

    extension = glob.glob(path + "/**/*.duckdb_extension*", recursive=True)
    table = DeltaTable(TABLE)
    frame = pl.scan_delta(TABLE)
    seen = {
        "deltalake": by_arrow(table.to_pyarrow_table()) + filtered_by_arrow(table.to_pyarrow_dataset()),
        "polars, delta": by_polars(frame) + filtered_by_polars(frame),
    }
    if extension:
        duckdb.sql(f"LOAD '{extension[0]}'")
        relation = f"delta_scan('{TABLE}')"
        seen["duckdb, delta"] = by_duckdb(relation) + filtered_by_duckdb(relation)
    if PLAIN:
        relation = f"read_parquet('{FILES}', hive_partitioning = true)"
        seen["duckdb"] = by_duckdb(relation) + filtered_by_duckdb(relation)
        frame = pl.scan_parquet(FILES, hive_partitioning=True)
        seen["polars"] = by_polars(frame) + filtered_by_polars(frame)
        dataset = ds.dataset(TABLE, format="parquet", partitioning="hive", exclude_invalid_files=False)
        seen["pyarrow"] = by_arrow(dataset.to_table()) + filtered_by_arrow(dataset)
    print(json.dumps({"filters": [sql for sql, _, _ in FILTERS], "readers": seen}))


main()
