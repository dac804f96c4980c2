"""What was measured of the brokers, and the tables of it."""
import statistics

ROWS = [
    # What, the phase, the peers' test, the measure.
    ("enqueue, one in flight, /s", "enqueue-1", "enq-single", "per_s"),
    ("enqueue, many in flight, /s", "enqueue-256", "enq-bulk", "per_s"),
    ("run, one job a call, /s", "run-1", "", "per_s"),
    ("run, batches of 100, /s", "run-100", "", "per_s"),
    ("end to end, one job a call, /s", "end-to-end-1", "", "per_s"),
    ("end to end, batches of 100, /s", "end-to-end-100", "e2e", "per_s"),
    ("a whole worker, one slot, /s", "pool-1", "", "per_s"),
    ("a whole worker, ten slots, /s", "pool-10", "e2e", "per_s"),
    ("a whole worker, a hundred slots, /s", "pool-100", "e2e", "per_s"),
    ("progress seen, each awaited, /s", "report-1", "prog", "per_s"),
    ("progress seen, 64 in flight, /s", "report-64", "prog", "per_s"),
    ("Redis µs a job: enqueue, one in flight", "enqueue-1", "enq-single", "redis_us"),
    ("Redis µs a job: enqueue, many in flight", "enqueue-256", "enq-bulk", "redis_us"),
    ("Redis µs a job: run, one a call", "run-1", "", "redis_us"),
    ("Redis µs a job: run, batches of 100", "run-100", "", "redis_us"),
    ("Redis µs a job: end to end, one a call", "end-to-end-1", "", "redis_us"),
    ("Redis µs a job: end to end, batches of 100", "end-to-end-100", "e2e", "redis_us"),
    ("Redis µs a job: a whole worker, ten slots", "pool-10", "e2e", "redis_us"),
    ("Redis µs a report: each awaited", "report-1", "prog", "redis_us"),
    ("Redis µs a report: 64 in flight", "report-64", "prog", "redis_us"),
    ("submit to start, ms, p50", "latency", "lat", "start_p50"),
    ("submit to start, ms, p99", "latency", "lat", "start_p99"),
    ("submit to done, ms, p50", "latency", "lat", "done_p50"),
    ("submit to done, ms, p99", "latency", "lat", "done_p99"),
    ("bytes of a waiting job", "enqueue-256", "", "bytes"),
]
# Of the embedded broker: what, the phase, the measures of its columns.
EMBEDDED_ROWS = [
    ("enqueue, one in flight", "enqueue-1", ("per_s", "p50", "p99")),
    ("enqueue, 256 in flight", "enqueue-256", ("per_s", "p50", "p99")),
    ("run, one job a call", "run-1", ("per_s", "p50", "p99")),
    ("run, batches of 100", "run-100", ("per_s", "p50", "p99")),
    ("end to end, one job a call", "end-to-end-1", ("per_s", "p50", "p99")),
    ("end to end, batches of 100", "end-to-end-100", ("per_s", "p50", "p99")),
    ("a whole worker, ten slots", "pool-10", ("per_s", "p50", "p99")),
    ("a whole worker, a hundred slots", "pool-100", ("per_s", "p50", "p99")),
    ("progress seen, each awaited", "report-1", ("per_s", "p50", "p99")),
    ("progress seen, 64 in flight", "report-64", ("per_s", "p50", "p99")),
    ("submit to start, 100 jobs/s", "latency", (None, "start_p50", "start_p99")),
    ("submit to done, 100 jobs/s", "latency", (None, "done_p50", "done_p99")),
]


def number(value):
    if value >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def spread(values):
    """The median, and in brackets the quartiles."""
    if not values:
        return ""
    first, median, third = statistics.quantiles(values * 2 if len(values) == 1 else values, method="inclusive")
    return f"{number(median)} ({number(first)}–{number(third)})"


def print_header(*columns):
    print("\n|", " | ".join(columns), "|")
    print("|---|" + "---:|" * (len(columns) - 1))


class Figures:
    """What was measured of each server, a value a slice, and the ratios of neighbouring slices."""

    def __init__(self):
        self.values = {}
        self.ratios = {}

    def add(self, server, phase, measures):
        for measure, value in measures.items():
            self.values.setdefault((server, phase, measure), []).append(value)

    def compare(self, phase, own, floor):
        for measure in own.keys() & floor.keys():
            if floor[measure]:
                self.ratios.setdefault((phase, measure), []).append(own[measure] / floor[measure])

    def of(self, server, phase, measure):
        return self.values.get((server, phase, measure), [])

    def print_tables(self, peers):
        rows = [row for row in ROWS if self.of("Fanfare", row[1], row[3])]
        if rows:
            print("Fanfare ÷ floor: of the ratios of neighbouring slices the same.",
                  "Of a peer, in brackets Fanfare's median ÷ its.")
            print_header("", "Fanfare, Redis", "floor", "Fanfare ÷ floor", *peers)
        for what, phase, test, measure in rows:
            own, floor = self.of("Fanfare", phase, measure), self.of("floor", phase, measure)
            cells = [spread(own), spread(floor), spread(self.ratios.get((phase, measure)))]
            for peer in peers:
                theirs = self.of(peer, test, measure)
                median = statistics.median(theirs) if theirs else 0
                cells.append(f"{number(median)} ({number(statistics.median(own) / median)})" if median else "")
            print(f"| {what} |", " | ".join(cells), "|")
        rows = [row for row in EMBEDDED_ROWS if self.of("embedded", row[1], row[2][1])]
        if rows:
            print_header("embedded", "/s", "p50 ms", "p99 ms")
        for what, phase, measures in rows:
            cells = [spread(self.of("embedded", phase, measure)) for measure in measures]
            print(f"| {what} |", " | ".join(cells), "|")
