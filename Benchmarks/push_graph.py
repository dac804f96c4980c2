"""Reads the lines of `load stall` or `load restart`, a second each; draws them, one panel below the other.

    push_graph.py stall|restart FILE.svg
"""
import sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, GAP = 720, 130, 64, 16, 26, 44
# What each panel shows: title, fields, and what a field's values are divided by.
PANELS = {
    "stall": [("memory of the server, MiB", {"memory_kib": 1024}), ("delay of the others, ms", {"p50": 1, "p99": 1}),
              ("deliveries to the others in a second", {"per_s": 1})],
    "restart": [("sockets that may receive", {"ready": 1}), ("closed and come back in a second", {"closed": 1, "returned": 1}),
                ("refused, rejected, broken or lost in a second", {"refused": 1, "rejected": 1, "broken": 1, "lost": 1})],
}
COLOURS = ["#1f5fa8", "#c2410c", "#4d7c0f", "#7e22ce"]


def rows(kind, lines):
    for line in lines:
        row = dict(part.split("=", 1) for part in line.split())
        if row.get("phase") == kind and "second" in row:
            yield {name: float(value) for name, value in row.items() if name not in ("label", "phase")}


def number(value):
    return f"{value:,.0f}".replace(",", " ") if value >= 10 or value == int(value) else f"{value:.2g}"


def round_up(value):
    """The next of 1, 2, 5, 10, 20, 50, …: the top of an axis."""
    step = 1
    while True:
        for top in (step, 2 * step, 5 * step):
            if value <= top:
                return top
        step *= 10


def panel(title, fields, data, top, end):
    series = {name: [(row["second"], row[name] / divisor) for row in data] for name, divisor in fields.items()}
    most = round_up(max([value for points in series.values() for _, value in points] + [0]))
    x = lambda second: LEFT + second / max(end, 1) * (WIDTH - LEFT - RIGHT)
    y = lambda value: top + HEIGHT - value / most * HEIGHT
    parts = [f'<text x="{LEFT}" y="{top - 8}" class="title">{title}</text>']
    paused = [row["second"] for row in data if row.get("paused")]
    if paused:
        parts.append(f'<rect x="{x(paused[0]):.1f}" y="{top}" width="{x(paused[-1] + 1) - x(paused[0]):.1f}" '
                     f'height="{HEIGHT}" fill="#eee"/>')
    for value in (0, most / 2, most):
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#ccc"/>'
                     f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{number(value)}</text>')
    for (name, points), colour in zip(series.items(), COLOURS):
        line = " ".join(f"{x(second):.1f},{y(value):.1f}" for second, value in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    if len(series) > 1:
        at = WIDTH - RIGHT
        for name, colour in reversed(list(zip(series, COLOURS))):
            parts.append(f'<text x="{at}" y="{top - 8}" text-anchor="end" style="fill:{colour}">{name}</text>')
            at -= 8 * len(name) + 10
    return parts


def draw(kind, data):
    end = max((row["second"] for row in data), default=1)
    parts, top = [], TOP
    for title, fields in PANELS[kind]:
        parts += panel(title, fields, data, top, end)
        top += HEIGHT + GAP
    for second in range(0, int(end) + 1, max(1, int(end) // 10)):
        at = LEFT + second / max(end, 1) * (WIDTH - LEFT - RIGHT)
        parts.append(f'<text x="{at:.1f}" y="{top - GAP + 18}" text-anchor="middle">{second} s</text>')
    style = "text{font:12px sans-serif;fill:#333}.title{font-weight:bold}"
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top - 10}" '
            f'viewBox="0 0 {WIDTH} {top - 10}"><style>{style}</style><rect width="100%" height="100%" fill="#fff"/>'
            + "\n".join(parts) + "</svg>\n")


kind, path = sys.argv[1:3]
data = list(rows(kind, sys.stdin))
if not data:
    sys.exit("push_graph: nothing was measured")
with open(path, "w", encoding="utf-8") as file:
    file.write(draw(kind, data))
print(f"graph     {path}")
