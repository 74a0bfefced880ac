"""Reads the table of a lake with other readers and prints what each of them sees, as JSON.

Arguments: the table's folder, and `plain` where its files may be read without Delta's log too.
"""

import json
import sys

import duckdb
import duckdb_extension_delta
import polars as pl
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable

TABLE, PLAIN = sys.argv[1], sys.argv[2] == "plain"
FILES = TABLE + "/*/*/*/*/*.parquet"
SUMS = ["bytes", "packets", "line", "dstport"]
NAMES = ["interface_id", "srcaddr", "object"]


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
    seen = {
        "deltalake": by_arrow(DeltaTable(TABLE).to_pyarrow_table()),
        "polars, delta": by_polars(pl.scan_delta(TABLE)),
    }
    if extension:
        duckdb.sql(f"LOAD '{extension[0]}'")
        seen["duckdb, delta"] = by_duckdb(f"delta_scan('{TABLE}')")
    if PLAIN:
        seen["duckdb"] = by_duckdb(f"read_parquet('{FILES}', hive_partitioning = true)")
        seen["polars"] = by_polars(pl.scan_parquet(FILES, hive_partitioning=True))
        dataset = ds.dataset(TABLE, format="parquet", partitioning="hive", exclude_invalid_files=False)
        seen["pyarrow"] = by_arrow(dataset.to_table())
    print(json.dumps(seen))


main()
