"""What the join of the same records to jobs costs with more and more lifetimes of interfaces.

`lifetimes.py DATA COUNT FOLDER` makes an inventory: beside that of the logs, 8,192 addresses of their subnets are held over and
over again before the logs begin, by an interface of its own each time, and each of these serves a job. [`rows`] loads one of
each size and asks the prompt of each the same question, in turn: the loading is not in what is measured.
"""

import json
import os
import pty
import shutil
import statistics
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

COUNTS = [1_000, 10_000, 100_000, 1_000_000]
QUESTION = "SELECT count(job_name) AS here, count(remote_job_name) AS there, sum(bytes) AS b FROM flow_context"
PROMPT = b"flowq> "

ADDRESSES = 8192
# Before the first record of `flowq generate`.
UNTIL = 1773126000
EVERY_SECS, HELD_SECS = 600, 540
NOTHING = {
    "account_id": "123456789012", "region": "us-east-1", "vpc_id": None, "subnet_id": None, "addresses": [], "public_ip": None,
    "security_group_ids": [], "interface_type": None, "description": None, "requester_id": None, "instance_id": None,
    "instance_owner_id": None, "attached_at": None, "created_at": None, "creator_arn": None, "sagemaker": None,
}


def facts(at):
    """What a trail and a mapping say of one interface, as flowq keeps it."""
    turn, address = divmod(at, ADDRESSES)
    interface, begun = f"eni-{0xf0000000000000000 + at:017x}", UNTIL - (turn + 1) * EVERY_SECS
    ended = begun + HELD_SECS
    made = NOTHING | {
        "vpc_id": "vpc-0d1e5a2b3c4f60718",
        "subnet_id": "subnet-0ab1b2c3d4e5f6072" if address < ADDRESSES // 2 else "subnet-0ac1b2c3d4e5f6073",
        "addresses": [f"10.20.{16 + address // 256}.{address % 256}"],
        "interface_type": "interface",
    }
    for when, event, details in ((begun, "Created", made), (ended, "Deleted", NOTHING)):
        yield {"Eni": {"interface_id": interface, "at": when, "event": event, "source": "CloudTrail", "details": details}}
    yield {"Declared": {"interface_id": interface, "job_name": f"earlier-{at % 1000}", "from": begun, "to": ended, "role": None}}


def make(data, count, folder):
    import pyarrow
    import pyarrow.parquet

    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(f"{data}/inventory", folder)
    texts = [json.dumps(fact) for at in range(count) for fact in facts(at)]
    table = pyarrow.table({"fact": texts}).replace_schema_metadata({"flowq.inventory": "facts 1"})
    pyarrow.parquet.write_table(table, f"{folder}/facts.parquet", compression="zstd")


class Prompt:
    """A flowq that has loaded an inventory and waits for questions."""

    def __init__(self, command):
        self.terminal, slave = pty.openpty()
        mode = termios.tcgetattr(slave)
        mode[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, mode)
        # A terminal that can do nothing is sent nothing but text.
        environment = dict(os.environ, TERM="dumb")
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=subprocess.DEVNULL, env=environment, start_new_session=True
        )
        os.close(slave)
        self.answer()

    def answer(self):
        """Returns what is printed before the next prompt."""
        text = b""
        while not text.endswith(PROMPT):
            text += os.read(self.terminal, 65536)
        return text.removesuffix(PROMPT).decode()

    def cpu(self):
        """User and system time until now, in seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, question):
        """Returns what an answer costs, and the answer."""
        before = self.cpu()
        os.write(self.terminal, f"{question};\n".encode())
        answer = self.answer()
        return self.cpu() - before, answer

    def end(self):
        os.close(self.terminal)
        self.process.kill()
        self.process.wait()


def rows(flowq, python, data, logs, target, say, runs=5):
    """Returns rows of the table of how flowq behaves."""
    prompts, loading, samples, answers = {}, {}, {count: [] for count in COUNTS}, set()
    with tempfile.TemporaryDirectory(dir=target) as scratch:
        try:
            for count in COUNTS:
                inventory = Path(scratch) / str(count)
                subprocess.run([python, __file__, data, str(count), inventory], check=True)
                prompts[count] = Prompt([flowq, "sql", "-q", "--threads", "1", logs, "--inventory", inventory])
                loading[count] = prompts[count].cpu()
                say(f"{count:,} lifetimes: loaded with {loading[count]:.2f} s")
            for _ in range(runs):
                for count, prompt in prompts.items():
                    cost, answer = prompt.ask(QUESTION)
                    samples[count].append(cost)
                    answers.add(answer)
                    say(f"{count:,} lifetimes: {cost:.2f} s")
        finally:
            for prompt in prompts.values():
                prompt.end()
    if len(answers) != 1 or "error" in "".join(answers).lower():
        raise SystemExit(f"lifetimes before the logs change the answer: {answers}")
    cost = {count: statistics.median(taken) for count, taken in samples.items()}
    first, *more = COUNTS
    found = [
        f"| CPU of reading all records and joining them to jobs, {count:,} lifetimes of interfaces | {first:,} lifetimes | "
        f"{cost[count] / cost[first]:.2f} |"
        for count in more
    ]
    most, before = COUNTS[-1], COUNTS[-2]
    return [
        *found,
        f"| CPU of loading an inventory of {most:,} lifetimes | {before:,} lifetimes | {loading[most] / loading[before]:.1f} |",
    ]


def main():
    data, count, folder = sys.argv[1:]
    make(data, int(count), folder)


if __name__ == "__main__":
    main()
