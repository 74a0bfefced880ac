"""One question to one engine, in a process of its own, so that what it costs can be told: prints its answer as JSON.

python worker.py ENGINE TASK DATA THREADS SCRATCH
"""

import glob
import json
import os
import sys
from pathlib import Path

# AWS's fields of versions 2 to 5, as the generator writes them.
NUMBERS = {
    "version", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end", "tcp_flags", "traffic_path",
}
# What the job is allowed to talk to, and where S3 of the region lies: literal ranges, so that every engine judges alike.
ALLOWED = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "198.51.100.0/24"]
S3 = ["198.51.100.0/25", "52.216.0.0/15", "3.5.0.0/19"]


def columns(data):
    import gzip

    with gzip.open(logs(data)[0], "rt") as file:
        return [name.replace("-", "_") for name in file.readline().split()]


def logs(data):
    return sorted(glob.glob(f"{data}/logs/**/*.gz", recursive=True))


def number(cidr):
    address, length = cidr.split("/")
    first = 0
    for part in address.split("."):
        first = first * 256 + int(part)
    return first, first + 2 ** (32 - int(length)) - 1


def inside(value, cidrs):
    return " OR ".join(f"{value} BETWEEN {first} AND {last}" for first, last in map(number, cidrs))


def questions(logs, owners, address):
    """The questions in SQL. `address` makes a number of a dotted IPv4 address, NULL of any other."""
    far = address("dstaddr")
    return {
        "count": f"SELECT count(*) AS n FROM {logs}",
        "bytes": f"SELECT srcaddr, sum(bytes) AS b FROM {logs} WHERE srcaddr IS NOT NULL "
        "GROUP BY srcaddr ORDER BY b DESC, srcaddr LIMIT 10",
        "rejects": f"SELECT count(*) AS n, sum(f.packets) AS p FROM {logs} f "
        f"JOIN {owners} s ON s.address = f.srcaddr JOIN {owners} d ON d.address = f.dstaddr "
        "WHERE f.action = 'REJECT' AND s.job_name = d.job_name "
        "AND f.start >= s.valid_from AND f.start < s.valid_to AND f.start >= d.valid_from AND f.start < d.valid_to",
        "egress": f"SELECT s.job_name, count(*) AS n, sum(f.bytes) AS b FROM {logs} f "
        f"JOIN {owners} s ON s.interface_id = f.interface_id AND s.address = f.srcaddr "
        "WHERE f.action = 'ACCEPT' AND f.flow_direction = 'egress' "
        f"AND f.start >= s.valid_from AND f.start < s.valid_to AND NOT ({inside(far, ALLOWED)}) "
        "GROUP BY s.job_name ORDER BY b DESC, s.job_name LIMIT 20",
        "s3": f"SELECT count(*) AS n, sum(f.bytes) AS b FROM {logs} f WHERE f.flow_direction = 'egress' "
        f"AND f.action = 'ACCEPT' AND ({inside(far, S3)}) AND (f.traffic_path IS NULL OR f.traffic_path <> 7)",
    }


def duckdb_answer(task, data, threads, scratch):
    import duckdb

    names = columns(data)
    db = duckdb.connect()
    db.execute(f"SET threads = {threads}")
    types = {name: "BIGINT" if name in NUMBERS else "VARCHAR" for name in names}
    table = f"read_csv({logs(data)!r}, delim=' ', header=true, nullstr='-', quote='', escape='', columns={types!r})"
    owners = f"read_parquet('{data}/owners.parquet')"

    def address(text):
        parts = [f"TRY_CAST(split_part({text}, '.', {at}) AS BIGINT)" for at in (1, 2, 3, 4)]
        return f"((({parts[0]} * 256 + {parts[1]}) * 256 + {parts[2]}) * 256 + {parts[3]})"

    if task == "columns":
        reader = db.sql(f"SELECT * FROM {table}").to_arrow_reader(65536)
        return [sum(batch.num_rows for batch in reader)]
    if task == "parquet":
        db.execute(f"COPY (SELECT * FROM {table}) TO '{scratch}/duckdb.parquet' (FORMAT parquet, COMPRESSION zstd)")
        return written(f"{scratch}/duckdb.parquet")
    if task in LAKE:
        table = f"read_parquet('{data}/lake/flow_logs/**/*.parquet', hive_partitioning = true)"
        return rows(db.sql(LAKE[task].format(table=table, job=job(data), owners=owners)).fetchall())
    return rows(db.sql(questions(table, owners, address)[task]).fetchall())


def written(path):
    """Rows and size of a Parquet file."""
    import pyarrow.parquet

    return [pyarrow.parquet.read_metadata(path).num_rows, os.path.getsize(path)]


def clickhouse_answer(task, data, threads, scratch):
    import chdb

    names = columns(data)
    kinds = ", ".join(f"{name} Nullable({'Int64' if name in NUMBERS else 'String'})" for name in names)
    table = f"file('{data}/logs/**/*.gz', 'CustomSeparatedWithNames', '{kinds}', 'gz')"
    owners = f"file('{data}/owners.parquet', 'Parquet')"
    settings = (
        f" SETTINGS max_threads = {threads}, format_custom_field_delimiter = ' ', format_custom_escaping_rule = 'CSV',"
        " format_csv_null_representation = '-', format_csv_delimiter = ' ', input_format_with_names_use_header = 0"
    )
    if task == "columns":
        sql = f"SELECT * FROM {table} FORMAT Null"
        chdb.query(sql.replace(" FORMAT Null", settings + " FORMAT Null"))
        return None
    if task == "parquet":
        path = f"{scratch}/chdb.parquet"
        chdb.query(
            f"INSERT INTO FUNCTION file('{path}', 'Parquet') SELECT * FROM {table}"
            + settings + ", output_format_parquet_compression_method = 'zstd', engine_file_truncate_on_insert = 1"
        )
        return written(path)
    if task in LAKE:
        return "not run"

    def address(text):
        return f"toInt64(IPv4StringToNumOrNull(assumeNotNull({text})))"

    answer = chdb.query(questions(table, owners, address)[task] + settings, "JSONCompact")
    return rows(json.loads(answer.bytes())["data"])


def polars_answer(task, data, threads, scratch):
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    import polars as pl

    names = columns(data)
    schema = {name.replace("_", "-"): pl.Int64 if name in NUMBERS else pl.String for name in names}
    frame = pl.scan_csv(logs(data), separator=" ", has_header=True, null_values="-", schema=schema, quote_char=None)
    frame = frame.rename({name.replace("_", "-"): name for name in names})
    owners = pl.scan_parquet(f"{data}/owners.parquet").with_columns(
        pl.col("valid_from").cast(pl.Int64), pl.col("valid_to").cast(pl.Int64)
    )

    def address(name):
        parts = pl.col(name).str.split_exact(".", 3)
        value = pl.lit(0, dtype=pl.Int64)
        for at in range(4):
            value = value * 256 + parts.struct.field(f"field_{at}").cast(pl.Int64, strict=False)
        return value

    def within(cidrs):
        any_of = pl.lit(False)
        for first, last in map(number, cidrs):
            any_of = any_of | address("dstaddr").is_between(first, last)
        return any_of

    def held(side):
        return (pl.col("start") >= pl.col(f"valid_from{side}")) & (pl.col("start") < pl.col(f"valid_to{side}"))

    if task == "columns":
        frame.sink_ipc(os.devnull)
        return None
    if task == "parquet":
        path = f"{scratch}/polars.parquet"
        frame.sink_parquet(path, compression="zstd")
        return written(path)
    if task in LAKE:
        return "not run"
    if task == "count":
        answer = frame.select(pl.len())
    elif task == "bytes":
        answer = frame.filter(pl.col("srcaddr").is_not_null()).group_by("srcaddr").agg(pl.col("bytes").sum().alias("b"))
        answer = answer.sort(["b", "srcaddr"], descending=[True, False]).head(10)
    elif task == "rejects":
        source, target = owners.select(pl.all().name.suffix("_s")), owners.select(pl.all().name.suffix("_d"))
        answer = frame.filter(pl.col("action") == "REJECT")
        answer = answer.join(source, left_on="srcaddr", right_on="address_s")
        answer = answer.join(target, left_on="dstaddr", right_on="address_d")
        answer = answer.filter((pl.col("job_name_s") == pl.col("job_name_d")) & held("_s") & held("_d"))
        answer = answer.select(pl.len(), pl.col("packets").sum())
    elif task == "egress":
        answer = frame.filter((pl.col("action") == "ACCEPT") & (pl.col("flow_direction") == "egress"))
        source = owners.select(pl.all().name.suffix("_s"))
        answer = answer.join(source, left_on=["interface_id", "srcaddr"], right_on=["interface_id_s", "address_s"])
        answer = answer.filter(held("_s") & ~within(ALLOWED))
        answer = answer.group_by("job_name_s").agg(pl.len(), pl.col("bytes").sum().alias("b"))
        answer = answer.sort(["b", "job_name_s"], descending=[True, False]).head(20)
    else:
        answer = frame.filter((pl.col("flow_direction") == "egress") & (pl.col("action") == "ACCEPT") & within(S3))
        answer = answer.filter(pl.col("traffic_path").is_null() | (pl.col("traffic_path") != 7))
        answer = answer.select(pl.len(), pl.col("bytes").sum())
    return rows(answer.collect(engine="streaming").rows())


# Questions to the lake, which flowq wrote and DuckDB reads as well.
LAKE = {
    "lake-scan": "SELECT srcaddr, sum(bytes) AS b FROM {table} WHERE srcaddr IS NOT NULL "
    "GROUP BY srcaddr ORDER BY b DESC, srcaddr LIMIT 10",
    "lake-job": "SELECT count(*) AS n, sum(bytes) AS b FROM {table} WHERE interface_id IN "
    "(SELECT interface_id FROM {owners} WHERE job_name = '{job}')",
}


def job(data):
    return Path(data, "job").read_text().strip()


def rows(found):
    """Rows as numbers and text, whatever types an engine gives."""
    def plain(value):
        return value if isinstance(value, str) or value is None else int(value)

    return [[plain(value) for value in row] for row in found]


def main():
    engine, task, data, threads, scratch = sys.argv[1:]
    answer = {"duckdb": duckdb_answer, "clickhouse": clickhouse_answer, "polars": polars_answer}[engine]
    print(json.dumps(answer(task, data, int(threads), scratch)))


if __name__ == "__main__":
    main()
