#!/usr/bin/env python3
"""coverage.py GCOVR_JSON GAPS: which lines and branches of src/ the tests run, room by room.

Fails if less than 95 % of the lines are run. GAPS lists the lines that no test runs, each with the
reason; it fails as well if a listed line is run by now, and if one that is not listed is not run.
A line of GAPS is `file | text of the gap's first line | reason`: texts, unlike numbers, stay when
lines are added above them. It stands for one gap: where two of a file begin alike, both are listed,
in their order. A line whose reason begins with `the CPU lacks avx512f` is one of GAPS only where
that is so.
"""
import json
import re
import sys
from collections import defaultdict

WANTED = 95.0  # per cent of the lines


def percent(covered, total):
    return 100.0 * covered / total if total else 100.0


def room_of(path):
    parts = path.split("/")
    return "/".join(parts[:2]) if len(parts) > 2 else "src"


def gaps_of(lines):
    """Runs of lines that are not run, with no line between them that is: [(first, last), ...]."""
    gaps, open_gap = [], None
    for line in lines:
        number, missed = line["line_number"], line["count"] == 0
        if missed:
            open_gap = (open_gap[0], number) if open_gap else (number, number)
        elif open_gap:
            gaps.append(open_gap)
            open_gap = None
    return gaps + ([open_gap] if open_gap else [])


def cpu_flags():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as text:
            return next((line for line in text if line.startswith("flags")), "").split()
    except OSError:
        return []


def read_listed(path):
    """The reasons of each (file, first line), in the order of the gaps: {key: [reason, ...]}."""
    listed = defaultdict(list)
    flags = cpu_flags()
    with open(path, encoding="utf-8") as text:
        for number, line in enumerate(text, 1):
            if line.strip() and not line.startswith("#"):
                # A line of C++ may hold " | " itself, as a file's name and a reason do not.
                file, _, rest = line.strip().partition(" | ")
                first, _, reason = rest.rpartition(" | ")
                if not (file and first and reason.strip()):
                    sys.exit(f"{path}:{number}: expected file | first line | reason")
                lacks = re.match(r" *the CPU lacks (\w+)", reason)
                if not (lacks and lacks[1] in flags):
                    listed[file.strip(), first.strip()].append(reason.strip())
    return listed


def main():
    report, gaps_file = sys.argv[1:]
    with open(report, encoding="utf-8") as text:
        files = json.load(text)["files"]
    listed = read_listed(gaps_file)

    rooms = defaultdict(lambda: [0, 0, 0, 0])
    unlisted = []
    for entry in sorted(files, key=lambda e: e["file"]):
        path = entry["file"]
        lines = [line for line in entry["lines"] if not line.get("gcovr/noncode")]
        branches = [branch for line in lines for branch in line["branches"]]
        counts = (sum(line["count"] > 0 for line in lines), len(lines),
                  sum(branch["count"] > 0 for branch in branches), len(branches))
        for name in (room_of(path), "total"):
            rooms[name] = [a + b for a, b in zip(rooms[name], counts)]
        with open(path, encoding="utf-8") as source:
            text = source.read().splitlines()
        for first, last in gaps_of(lines):
            key = path, text[first - 1].strip()
            where = f"{path}:{first}" + (f"-{last}" if last > first else "")
            if listed.get(key):
                print(f"{where}\n    not run: {listed[key].pop(0)}")
            else:
                unlisted.append(f"{where}: {key[1]}")

    print(f"\n{'room':<16}{'lines':>8}{'run':>9}{'branches':>12}{'taken':>9}")
    for name in sorted(rooms, key=lambda name: (name == "total", name)):
        run, lines, taken, branches = rooms[name]
        print(f"{name:<16}{lines:>8}{percent(run, lines):>8.1f}%"
              f"{branches:>12}{percent(taken, branches):>8.1f}%")

    broken = False
    if unlisted:
        broken = True
        print(f"\nNot run by any test, and {gaps_file} gives no reason:")
        print("\n".join("  " + gap for gap in unlisted))
    stale = [f"{file}: {first}" for (file, first), left in listed.items() for _ in left]
    if stale:
        broken = True
        print(f"\nIn {gaps_file}, but run by now, or gone:")
        print("\n".join("  " + gap for gap in stale))
    if percent(*rooms["total"][:2]) < WANTED:
        broken = True
        print(f"\nLess than {WANTED:.0f} % of the lines are run.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
