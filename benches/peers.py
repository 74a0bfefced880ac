"""flowq beside DuckDB, ClickHouse (chdb), Polars and a bare gunzip: the same questions to the same logs, the same answers.

    python3 benches/peers.py            about an hour on two cores: 10 million records, 5 runs of each in turn
    python3 benches/peers.py --quick    under three minutes: 1 million records, 1 run, not written down

The engines come from PyPI into target/peers; flowq and the gunzip are built here in release. What costs count is user and
system time of the whole process. The table and its plot go to benches/README.md and benches/peers.svg.
"""

import argparse
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "target"
VENV = TARGET / "peers"
HERE = ROOT / "benches"

sys.path.insert(0, str(HERE))
import lifetimes  # noqa: E402
import worker  # noqa: E402

ENGINES = ["flowq", "polars", "duckdb", "clickhouse"]
TITLES = {
    "gunzip": "bare gunzip of the same files",
    "count": "count(*)",
    "bytes": "bytes by source, top 10",
    "columns": "all 29 columns to Arrow",
    "rejects": "REJECTs joined to interfaces on both sides",
    "egress": "egress outside an allow list, joined",
    "s3": "S3 ranges, path not 7",
    "detect": "flowq detect, all detections at once; peers: the three above together",
    "parquet": "gz text to zstd Parquet",
    "lake-scan": "bytes by source on the lake",
    "lake-all": "one job's columns, whole lake read",
    "lake-job": "one job's flows out of the lake",
}


def run(command, **kwargs):
    """Runs a command and returns (seconds of user and system, seconds of wall, peak bytes, output)."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=kwargs.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE, **kwargs)
    output = process.stdout.read() if process.stdout else b""
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{errors.decode(errors='replace')[-2000:]}")
    wall = time.monotonic() - begun
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024, output


def cargo(*arguments):
    """Builds in release and returns the path of the program."""
    command = ["cargo", *arguments, "--message-format=json"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    built = [json.loads(line) for line in output.splitlines() if line.startswith(b"{")]
    return [line["executable"] for line in built if line.get("executable")][-1]


def install():
    """Makes the environment of the peers, and goes on in it."""
    python = VENV / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    wanted = (HERE / "peers-requirements.txt").read_text()
    stamp = VENV / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", HERE / "peers-requirements.txt"], check=True)
        stamp.write_text(wanted)
    return python


class Bench:
    def __init__(self, arguments, flowq, gunzip, python, data):
        self.threads, self.flowq, self.gunzip, self.python, self.data = arguments.threads, flowq, gunzip, python, data
        self.logs, self.inventory = data / "logs", data / "inventory"

    def sql(self, query, sources=None, inventory=True, output="json"):
        command = [self.flowq, "sql", "-q", "--threads", str(self.threads), "-c", query, "--format", output]
        command += [sources or self.logs]
        return command + (["--inventory", self.inventory] if inventory else [])

    def flowq_command(self, task, scratch):
        owners = (
            "(SELECT interface_id, address, job_name, "
            "CAST(coalesce(valid_from, to_timestamp_seconds(0)) AS BIGINT) AS valid_from, "
            "CAST(coalesce(valid_to, to_timestamp_seconds(32503680000)) AS BIGINT) AS valid_to "
            "FROM eni_addresses WHERE job_name IS NOT NULL)"
        )
        records = '(SELECT * EXCEPT (start, "end"), CAST(start AS BIGINT) AS start, CAST("end" AS BIGINT) AS "end" FROM flow_logs)'
        if task == "columns":
            names = ", ".join(f'"{name}"' for name in worker.columns(str(self.data)))
            return self.sql(f"SELECT {names} FROM flow_logs", inventory=False, output="arrow")
        if task == "detect":
            return [self.flowq, "detect", "-q", "--threads", str(self.threads), self.logs, "--inventory",
                    self.inventory, "--format", "json"]
        if task == "parquet":
            shutil.rmtree(scratch / "lake", ignore_errors=True)
            return [self.flowq, "ingest", "-q", "--threads", str(self.threads), self.logs, "--inventory",
                    self.inventory, "--to", scratch / "lake"]
        if task.startswith("lake"):
            query = worker.LAKE["lake-job" if task == "lake-all" else task]
            if task == "lake-all":
                query = "SELECT count(interface_id) AS n, sum(bytes) AS b FROM {table}"
            query = query.format(table="flow_logs", owners="eni_addresses", job=worker.job(self.data))
            return self.sql(query, sources=self.data / "lake", inventory=task == "lake-job")
        plain = task in ("count", "bytes")
        in_cidr = self.questions(owners, "flow_logs" if plain else records)
        return self.sql(in_cidr[task], inventory=not plain)

    def questions(self, owners, records):
        def ranges(value, cidrs):
            return " OR ".join(f"in_cidr({value}, '{cidr}')" for cidr in cidrs)

        found = worker.questions(records, owners, lambda text: text)
        for task, cidrs in (("egress", worker.ALLOWED), ("s3", worker.S3)):
            found[task] = found[task].replace(worker.inside("dstaddr", cidrs), ranges("dstaddr", cidrs))
        # The peers' arithmetic makes no number of an IPv6 address.
        found["egress"] = found["egress"].replace("AND NOT (", "AND ip_family(dstaddr) = 4 AND NOT (")
        return found

    def measure(self, engine, task):
        """Returns (cpu, wall, peak, answer); None for an answer that has none to compare."""
        with tempfile.TemporaryDirectory(dir=TARGET) as scratch:
            scratch = Path(scratch)
            if engine == "gunzip":
                return *run([self.gunzip, self.logs])[:3], None
            if engine == "flowq":
                command = self.flowq_command(task, scratch)
                if task == "columns":
                    return *run(command, stdout=subprocess.DEVNULL)[:3], None
                cpu, wall, peak, output = run(command)
                if task == "parquet":
                    files = list((scratch / "lake").rglob("*.parquet"))
                    return cpu, wall, peak, [None, sum(file.stat().st_size for file in files)]
                answer = json.loads(output)
                if task == "detect":
                    return cpu, wall, peak, None
                return cpu, wall, peak, worker.rows([list(row.values()) for row in answer])
            environment = dict(os.environ, POLARS_MAX_THREADS=str(self.threads))
            command = [self.python, HERE / "worker.py", engine, task, self.data, str(self.threads), scratch]
            cpu, wall, peak, output = run(command, env=environment)
            return cpu, wall, peak, json.loads(output)


def data_of(records, files, flowq):
    """Makes the logs, the table of who owned what, and the lake, once."""
    folder = TARGET / f"peers-data-{records}-{files}"
    if (folder / "job").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(
        [flowq, "generate", "--to", folder, "--records", str(records), "--files", str(files), "--log-format", "v5"],
        check=True, stderr=subprocess.DEVNULL,
    )
    query = (
        "SELECT interface_id, address, job_name, "
        "CAST(coalesce(valid_from, to_timestamp_seconds(0)) AS BIGINT) AS valid_from, "
        "CAST(coalesce(valid_to, to_timestamp_seconds(32503680000)) AS BIGINT) AS valid_to "
        "FROM eni_addresses WHERE job_name IS NOT NULL"
    )
    common = ["--inventory", folder / "inventory", "-q"]
    subprocess.run([flowq, "sql", "-c", query, *common, "--format", "parquet", "--output", folder / "owners.parquet"], check=True)
    subprocess.run([flowq, "ingest", folder / "logs", *common, "--to", folder / "lake"], check=True)
    query = (
        "SELECT e.job_name FROM flow_logs f JOIN eni_addresses e ON e.interface_id = f.interface_id "
        "WHERE e.job_name IS NOT NULL GROUP BY e.job_name ORDER BY count(*) DESC, e.job_name LIMIT 1"
    )
    found = run([flowq, "sql", "-c", query, folder / "lake", *common, "--format", "json"])[3]
    (folder / "job").write_text(json.loads(found)[0]["job_name"])
    return folder


def agree(task, answers):
    """Ends the run when two engines give different answers."""
    told = {engine: answer for engine, answer in answers.items() if answer is not None and answer != "not run"}
    if task == "parquet":
        counts = {answer[0] for answer in told.values()} - {None}
        if len(counts) > 1:
            raise SystemExit(f"{task}: the engines wrote different counts: {told}")
    elif len({json.dumps(answer) for answer in told.values()}) > 1:
        lines = "\n".join(f"  {engine}: {json.dumps(answer)[:600]}" for engine, answer in told.items())
        raise SystemExit(f"{task}: the engines do not agree\n{lines}")


def compare(bench, runs, say):
    """Every task on every engine, in turn, `runs` times. Returns {task: {engine: (cpu, wall, peak, answer)}}."""
    plan = [("gunzip", ["gunzip"])]
    plan += [(task, ENGINES) for task in ("count", "bytes", "columns", "rejects", "egress", "s3", "parquet")]
    plan += [("detect", ["flowq"]), ("lake-scan", ["flowq", "duckdb"]), ("lake-job", ["flowq", "duckdb"]), ("lake-all", ["flowq"])]
    samples = {}
    for turn in range(runs):
        for task, engines in plan:
            answers = {}
            for engine in engines:
                cpu, wall, peak, answers[engine] = bench.measure(engine, task)
                say(f"{turn + 1}/{runs} {task:10} {engine:10} cpu {cpu:7.2f} s  wall {wall:7.2f} s  peak {peak >> 20} MiB")
                samples.setdefault(task, {}).setdefault(engine, []).append((cpu, wall, peak, answers[engine]))
            agree(task, answers)
    medians = {}
    for task, engines in samples.items():
        for engine, taken in engines.items():
            middle = [statistics.median(sample[at] for sample in taken) for at in range(3)]
            medians.setdefault(task, {})[engine] = (*middle, taken[0][3])
    return medians


def joined(medians, engine):
    return sum(medians[task][engine][0] for task in ("rejects", "egress", "s3"))


def table(medians):
    base = medians["gunzip"]["gunzip"][0]
    lines = ["| CPU time, in bare gunzips | " + " | ".join(ENGINES) + " |", "|--|" + "--:|" * len(ENGINES)]
    for task, title in TITLES.items():
        if task == "gunzip" or task not in medians:
            continue
        cells = []
        for engine in ENGINES:
            if task == "detect" and engine != "flowq":
                cells.append(f"{joined(medians, engine) / base:.2f}")
            elif engine not in medians[task]:
                cells.append("–")
            else:
                cells.append(f"{medians[task][engine][0] / base:.2f}")
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    peaks = {engine: [of[engine][2] for of in medians.values() if engine in of] for engine in ENGINES}
    cells = [f"{min(peak) >> 20} to {max(peak) >> 20}" if peak else "–" for peak in map(lambda e: [int(p) for p in peaks[e]], ENGINES)]
    lines.append("| peak memory, MiB | " + " | ".join(cells) + " |")
    sizes = [f"{medians['parquet'][engine][3][1] / 1e6:.1f}" for engine in ENGINES]
    lines.append("| bytes of the Parquet, MB | " + " | ".join(sizes) + " |")
    return "\n".join(lines)


def plot(medians):
    """The table as bars, in an SVG of its own."""
    base = medians["gunzip"]["gunzip"][0]
    colours = {"flowq": "#0b6e4f", "polars": "#5b8def", "duckdb": "#e0a100", "clickhouse": "#b04a5a"}
    tasks = ["count", "bytes", "columns", "rejects", "egress", "s3", "detect", "parquet"]
    value = {
        task: {e: (joined(medians, e) if task == "detect" and e != "flowq" else medians[task][e][0]) / base for e in ENGINES}
        for task in tasks
    }
    most = max(max(of.values()) for of in value.values())
    width, left, bar, gap = 900, 330, 13, 16
    height = 60 + len(tasks) * (bar * len(ENGINES) + gap)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="10" y="20" font-size="14">CPU time, in bare gunzips of the same files (less is better)</text>',
    ]
    for at, engine in enumerate(ENGINES):
        out.append(f'<rect x="{left + at * 110}" y="28" width="10" height="10" fill="{colours[engine]}"/>')
        out.append(f'<text x="{left + 15 + at * 110}" y="37">{engine}</text>')
    y = 52
    scale = (width - left - 60) / most
    for task in tasks:
        title = TITLES[task].split(";")[0].split(", all")[0]
        out.append(f'<text x="{left - 8}" y="{y + bar * 2 + 4}" text-anchor="end">{title}</text>')
        for engine in ENGINES:
            length = value[task][engine] * scale
            out.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar - 2}" fill="{colours[engine]}"/>')
            out.append(f'<text x="{left + length + 4:.1f}" y="{y + bar - 3}" font-size="10">{value[task][engine]:.1f}</text>')
            y += bar
        y += gap
    x = left + scale
    out.append(f'<line x1="{x:.1f}" y1="46" x2="{x:.1f}" y2="{height - 8}" stroke="#888" stroke-dasharray="3 3"/>')
    out.append("</svg>\n")
    return "\n".join(out)


def machine():
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{os.cpu_count()} cores of {model}, {platform.system()}"


def head(arguments, data, versions):
    git = ["git", "-C", ROOT]
    commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    if subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "src", "queries"]).returncode:
        commit += " with changes"
    size = sum(file.stat().st_size for file in (data / "logs").rglob("*.gz")) / 1e6
    return (
        f"{datetime.date.today()}, commit {commit}, {machine()}, {arguments.threads} thread(s). "
        f"{arguments.records:,} records of version 5 in {arguments.files} gzip objects ({size:.0f} MB) of "
        f"`flowq generate`; medians of {arguments.runs} run(s) in turn; {versions}."
    )


def shelves(data):
    """The same million records or so as one gzip object, as ten, as ten thousand, and as one Parquet file."""
    import gzip

    folder = data / "shelves"
    if (folder / "done").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    lines = []
    for path in worker.logs(str(data)):
        with gzip.open(path, "rt") as file:
            header, *records = file.read().splitlines()
        # Only files of the format that most have.
        if header.count(" ") > 20:
            lines.extend(records)
        if len(lines) >= 1_000_000:
            break
    for name, count in (("one", 1), ("few", 10), ("many", 10_000)):
        (folder / name).mkdir(parents=True)
        size = -(-len(lines) // count)
        for at in range(count):
            part = lines[at * size:(at + 1) * size]
            with gzip.open(folder / name / f"{at:05}.log.gz", "wt", compresslevel=6) as file:
                file.write("\n".join([header, *part]) + "\n")
    (folder / "done").write_text(str(len(lines)))
    return folder


def scale(bench, say):
    """Threads, many small objects, memory, growth and the start, of flowq alone. Returns lines of a table."""
    data, flowq = bench.data, bench.flowq
    bytes_by_source = worker.questions("flow_logs", "", lambda text: text)["bytes"]

    def sql(threads, source, query=bytes_by_source):
        return [flowq, "sql", "-q", "--threads", str(threads), "-c", query, source]

    def taken(*commands, runs=5):
        """Medians of (cpu, wall, peak) of several commands, run in turn."""
        samples = [[] for _ in commands]
        for _ in range(runs):
            for command, into in zip(commands, samples):
                into.append(run(command)[:3])
        return [tuple(statistics.median(one[at] for one in into) for at in range(3)) for into in samples]

    rows = []

    def row(what, beside, ratio):
        rows.append(f"| {what} | {beside} | {ratio} |")
        say(rows[-1])

    # In a process of its own: what it holds would count as the peak of whatever is started here.
    subprocess.run([sys.executable, HERE / "peers.py", "--shelves", data], check=True)
    shelf = data / "shelves"
    big = shelf / "big.parquet"
    if not big.exists():
        run([flowq, "sql", "-q", "-c", "SELECT * EXCEPT (object, line) FROM flow_logs", data / "logs", "--format", "parquet",
             "--output", big])
    for what, source in (("many files", data / "logs"), ("one big Parquet file", big), ("one gzip object", shelf / "one")):
        one, two = taken(sql(1, source), sql(2, source))
        row(f"two threads, {what}: wall time", "one thread", f"{two[1] / one[1]:.2f}")
    few, many = taken(sql(1, shelf / "few"), sql(1, shelf / "many"))
    row("10,000 objects of 100 records: wall time", "the same records in 10 objects", f"{many[1] / few[1]:.2f}")
    for what, source in (("many files", data / "logs"), ("10,000 small objects", shelf / "many"), ("one gzip object", shelf / "one")):
        peak = taken(sql(2, source), runs=3)[0][2]
        row(f"peak memory, two threads, {what}", "–", f"{peak / 2**20:.0f} MiB")
    start = taken(sql(1, shelf / "one", "select 1"), runs=9)[0][1]
    row("start to first row of `select 1`", "–", f"{start * 1000:.0f} ms")
    ten = [data / "logs"]
    base = taken(sql(1, shelf / "few"), runs=3)[0][0] / int((shelf / "done").read_text())
    for times in (1, 10):
        folder = shelf / f"times-{times}"
        if not folder.exists():
            for at in range(times):
                shutil.copytree(ten[0], folder / str(at), copy_function=os.link)
        records = run(sql(1, folder, "SELECT count(*) AS n FROM flow_logs") + ["--format", "json"])[3]
        records = json.loads(records)[0]["n"]
        cpu = taken(sql(1, folder), runs=1 if times > 1 else 3)[0][0]
        row(f"CPU for each record of {records:,}", f"of {(shelf / 'done').read_text()}", f"{cpu / records / base:.2f}")
    rows.extend(alive(bench, say))
    return ["| what | beside it | ratio or value |", "|--|--|--:|", *rows]


def alive(bench, say):
    return lifetimes.rows(bench.flowq, bench.python, bench.data, bench.logs, TARGET, say)


MARKS = ("<!-- peers: written by benches/peers.py -->", "<!-- peers: end -->")


def write_down(text):
    path = HERE / "README.md"
    old = path.read_text()
    before, _, rest = old.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    path.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after or chr(10)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="1 million records, one run, nothing written down")
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--shelves", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--only-scale", action="store_true", help="print the second table alone")
    parser.add_argument("--only-lifetimes", action="store_true", help="print what lifetimes of interfaces cost alone")
    parser.add_argument("--flowq", help="a flowq that is built already")
    parser.add_argument("--gunzip", help="a gunzip that is built already")
    arguments = parser.parse_args()
    if arguments.shelves:
        return shelves(arguments.shelves)
    if arguments.quick:
        arguments.records, arguments.files, arguments.runs = 1_000_000, 20, 1
    python = install()
    flowq = arguments.flowq or cargo("build", "--release")
    gunzip = arguments.gunzip or cargo("bench", "--bench", "gunzip", "--no-run")
    data = data_of(arguments.records, arguments.files, flowq)
    bench = Bench(arguments, flowq, gunzip, python, data)
    if arguments.only_lifetimes:
        print("\n".join(alive(bench, lambda line: print(line, file=sys.stderr, flush=True))))
        return
    if arguments.only_scale:
        print("\n".join(scale(bench, lambda line: print(line, file=sys.stderr, flush=True))))
        return
    medians = compare(bench, arguments.runs, lambda line: print(line, file=sys.stderr, flush=True))
    wanted = (HERE / "peers-requirements.txt").read_text().split()
    text = head(arguments, data, ", ".join(one.replace("==", " ") for one in wanted if not one.startswith("pyarrow")))
    text = f"{text}\n\n{table(medians)}\n\n![the same as bars](peers.svg)"
    if not arguments.quick:
        lines = scale(bench, lambda line: print(line, file=sys.stderr, flush=True))
        text += "\n\nflowq alone, bytes by source, medians of five runs in turn:\n\n" + "\n".join(lines)
    print(text)
    if not arguments.quick:
        (HERE / "peers.svg").write_text(plot(medians))
        write_down(text)


if __name__ == "__main__":
    main()
