"""The peak memory of each command with several --memory, as a Markdown table.

    cargo build --release && python3 benches/memory.py [RECORDS] [FLOWQ]

Makes RECORDS (default 2,000,000) with `flowq generate` in a temporary folder, and runs each command on them.
A command that fails stands in the table with its exit code.
"""

import os
import subprocess
import sys
import tempfile
import time

SIZES = ["64MB", "128MB", "256MB", None]


def peak(flowq, args):
    """Returns MiB and seconds, or the exit code."""
    begin = time.time()
    process = subprocess.Popen([flowq, *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    process.returncode = code
    if code != 0:
        return f"exit {code}"
    return f"{usage.ru_maxrss / 1024:.0f} MiB, {time.time() - begin:.1f} s"


def main():
    records = sys.argv[1] if len(sys.argv) > 1 else "2000000"
    flowq = sys.argv[2] if len(sys.argv) > 2 else "target/release/flowq"
    with tempfile.TemporaryDirectory() as root:
        subprocess.run([flowq, "generate", "--to", root, "--records", records, "--files", "40"], check=True, stderr=subprocess.DEVNULL)
        logs, inventory = f"{root}/logs", ["--inventory", f"{root}/inventory"]
        lakes = iter(f"{root}/lake-{at}" for at in range(len(SIZES)))
        commands = {
            "detect": lambda: ["detect", logs, *inventory],
            "coverage": lambda: ["coverage", logs, *inventory],
            "sql: bytes by source": lambda: ["sql", "-c", "SELECT srcaddr, sum(bytes) FROM flow_logs GROUP BY srcaddr", logs],
            "sql: all columns, sorted": lambda: ["sql", "--format", "ndjson", "-c", "SELECT * FROM flow_logs ORDER BY bytes", logs],
            "sql: opened_by of every record": lambda: ["sql", "-c", "SELECT opened_by, count(*) FROM flows GROUP BY opened_by", logs, *inventory],
            "ingest": lambda: ["ingest", logs, "--to", next(lakes)],
        }
        print(f"| {records} records | " + " | ".join(size or "default" for size in SIZES) + " |")
        print("|--" * (len(SIZES) + 1) + "|")
        for name, command in commands.items():
            memory = [["--memory", size] if size else [] for size in SIZES]
            print(f"| {name} | " + " | ".join(peak(flowq, command() + more) for more in memory) + " |", flush=True)


if __name__ == "__main__":
    main()
