"""Medians, and the straight line through points."""
import statistics


def typical(rounds):
    """The median over the rounds of each round's median step."""
    return statistics.median(statistics.median(steps) for steps in rounds)


def best(rounds):
    return min(min(steps) for steps in rounds)


def line(points):
    """Least squares through [(x, y)]: slope, value at 0, R2; None for fewer than three points."""
    if len(points) < 3:
        return None
    mean_x = statistics.fmean(x for x, _ in points)
    mean_y = statistics.fmean(y for _, y in points)
    across = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / across
    start = mean_y - slope * mean_x
    total = sum((y - mean_y) ** 2 for _, y in points)
    missed = sum((y - start - slope * x) ** 2 for x, y in points)
    return slope, start, 1 - missed / total if total else 1.0


def area(points, end):
    """The integral under [(x, y)] from the first x to `end`, by trapezoids; None if the points end before."""
    points = sorted(points)
    if points[-1][0] < end:
        return None
    whole = 0
    for (x, y), (next_x, next_y) in zip(points, points[1:]):
        width = max(0, min(next_x, end) - x)
        whole += width * (y + width / 2 * (next_y - y) / (next_x - x))
    return whole
