"""Reads lines of name=value, prints the tables of `push`: medians over the passes, and Fanfare's ratios within a pass."""
import statistics
import sys

OURS = "fanfare"


def read(lines):
    """Rows by (phase, watchers), then server, then pass."""
    figures = {}
    for line in lines:
        row = dict(part.split("=", 1) for part in line.split())
        table = figures.setdefault((row["phase"], int(row["watchers"])), {})
        table.setdefault(row["label"], {})[int(row["pass"])] = row
    return figures


def number(value):
    if value >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def values(passes, name):
    return [float(row[name]) for row in passes.values()]


def median(passes, name, has_range=False):
    found = values(passes, name)
    text = number(statistics.median(found))
    return f"{text} ({number(min(found))}–{number(max(found))})" if has_range and len(found) > 1 else text


def ratio(table, server, name):
    """Fanfare's divided by the server's: the median of what each pass gives."""
    ours, theirs = table.get(OURS, {}), table[server]
    found = [float(ours[i][name]) / float(theirs[i][name]) for i in ours.keys() & theirs.keys() if float(theirs[i][name])]
    return f"{statistics.median(found):.2f}" if found and server != OURS else ""


def print_table(title, header, rows):
    print(f"\n{title}\n\n| " + " | ".join(header) + " |")
    print("|---|" + "---:|" * (len(header) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def print_tables(figures):
    watchers = sorted({count for phase, count in figures if phase in ("fixed", "closed")})
    for count in watchers:
        closed, fixed = figures.get(("closed", count), {}), figures.get(("fixed", count), {})
        print_table(
            f"{number(count)} watchers, saturated (closed loop):",
            ["server", "deliveries/s", "Fanfare ÷ its", "CPU µs a delivery", "Fanfare ÷ its", "CPU %", "load's CPU %",
             "p99 ms", "bytes", "missing", "superseded", "passes"],
            [[name, median(rows, "per_s", True), ratio(closed, name, "per_s"), median(rows, "cpu_us"),
              ratio(closed, name, "cpu_us"), median(rows, "cpu_percent"), median(rows, "load_percent"),
              median(rows, "p99"), median(rows, "bytes"), str(int(sum(values(rows, "missing")))),
              str(int(sum(values(rows, "superseded")))), str(len(rows))] for name, rows in closed.items()])
        print_table(
            f"{number(count)} watchers, 20 000 deliveries a second:",
            ["server", "CPU µs a delivery", "Fanfare ÷ its", "p50 ms", "p99 ms", "Fanfare ÷ its", "missing", "passes"],
            [[name, median(rows, "cpu_us", True), ratio(fixed, name, "cpu_us"), median(rows, "p50"),
              median(rows, "p99", True), ratio(fixed, name, "p99"), str(int(sum(values(rows, "missing")))),
              str(len(rows))] for name, rows in fixed.items()])
    for count in sorted({count for phase, count in figures if phase == "idle"}):
        idle, connect = figures[("idle", count)], figures[("connect", count)]
        print_table(
            f"{number(count)} connections:",
            ["server", "ready/s", "Fanfare ÷ its", "CPU µs each", "until ready: p99 ms", "bytes of an idle one",
             "Fanfare ÷ its", "idle CPU %", "passes"],
            [[name, median(connect[name], "per_s", True), ratio(connect, name, "per_s"), median(connect[name], "cpu_us"),
              median(connect[name], "p99"), median(rows, "bytes_per_connection"),
              ratio(idle, name, "bytes_per_connection"), median(rows, "cpu_percent"), str(len(rows))]
             for name, rows in idle.items()])


print_tables(read(sys.stdin))
