"""Reads lines of name=value, a second each; prints the ratios of neighbouring seconds of `push-side-by-side`."""
import statistics
import sys

MEASURES = [("cpu_us", "CPU µs a delivery"), ("per_s", "deliveries/s"), ("p50", "p50 ms"), ("p99", "p99 ms")]
KINDS = [("slice-fixed", "20 000 deliveries a second"), ("slice-closed", "saturated (closed loop)")]


def spread(values):
    if not values:
        return ""
    first, median, third = statistics.quantiles(values * 2 if len(values) == 1 else values, n=4, method="inclusive")
    return f"{median:,.2f} ({first:,.2f}–{third:,.2f})".replace(",", " ")


def print_table(title, slices):
    names = list(slices)
    reach = len(names)
    print(f"\n{title}:\n\n| server | " + " | ".join(f"{what} | {names[0]} ÷ its" for _, what in MEASURES) + " |")
    print("|---|" + "---:|" * (2 * len(MEASURES)))
    for name in names:
        cells = []
        for measure, _ in MEASURES:
            cells.append(spread([row[measure] for row in slices[name].values()]))
            # Each second of ours beside those of the other's that lie next to it.
            ratios = [ours[measure] / theirs[measure] for at, ours in slices[names[0]].items()
                      for number, theirs in slices[name].items() if 0 < abs(number - at) < reach and theirs[measure]]
            cells.append(spread(ratios) if name != names[0] else "")
        print(f"| {name} | " + " | ".join(cells) + " |")


figures = {}
for line in sys.stdin:
    row = dict(part.split("=", 1) for part in line.split())
    values = {measure: float(row[measure]) for measure, _ in MEASURES}
    figures.setdefault(row["phase"], {}).setdefault(row["label"], {})[int(row["slice"])] = values
for kind, title in KINDS:
    if kind in figures:
        print_table(title, figures[kind])
