"""Time per token over depth as an SVG: left on a linear scale what is near kvern, right on a logarithmic one everything."""
import html
import math

import records as store
from figures import Figures
from pieces import weights_of

WIDTH, HEIGHT, TOP, BOTTOM, LEFT = 470, 430, 40, 60, 60
COLOURS = {"kvern": ["#0b5fa5", "#3d8fd1", "#72b2e4", "#083d6b", "#00a0a0", "#7048c0", "#b070e0"],
           "llama.cpp": ["#c04000", "#e07020", "#f0a050", "#a06030", "#d09070"],
           "ik_llama.cpp": ["#a00050", "#d04080", "#e080b0", "#700038", "#c06090"],
           "OpenVINO": ["#307020", "#60a040", "#98c880"],
           "transformers": ["#606060", "#909090", "#b0b0b0", "#404040", "#787878"]}


class Panel:
    """Axes: data to pixels."""

    def __init__(self, left, last_depth, low, high, logarithmic):
        self.left, self.last, self.low, self.high, self.log = left, last_depth or 1, low, high, logarithmic

    def x(self, depth):
        return self.left + LEFT + (WIDTH - LEFT - 10) * depth / self.last

    def y(self, ms):
        share = (math.log(ms / self.low) / math.log(self.high / self.low) if self.log
                 else (ms - self.low) / (self.high - self.low))
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)

    def ticks(self):
        if self.log:
            all_ticks = [m * 10 ** e for e in range(-1, 5) for m in (1, 2, 5)]
            return [t for t in all_ticks if self.low <= t <= self.high]
        step = next(s for e in range(-1, 5) for s in (10 ** e, 2 * 10 ** e, 5 * 10 ** e) if self.high / s <= 8)
        return [step * i for i in range(int(self.high / step) + 1)]

    def frame(self):
        right, bottom = self.x(self.last), HEIGHT - BOTTOM
        yield (f'<clipPath id="panel{self.left}"><rect x="{self.x(0)}" y="{TOP}" width="{right - self.x(0)}" '
               f'height="{bottom - TOP}"/></clipPath>')
        for ms in self.ticks():
            yield f'<line x1="{self.x(0):.1f}" x2="{right:.1f}" y1="{self.y(ms):.1f}" y2="{self.y(ms):.1f}" stroke="#ddd"/>'
            yield f'<text x="{self.x(0) - 6:.1f}" y="{self.y(ms) + 4:.1f}" text-anchor="end">{ms:g}</text>'
        for depth in [self.last * i // 4 for i in range(5)]:
            yield f'<text x="{self.x(depth):.1f}" y="{bottom + 18}" text-anchor="middle">{depth}</text>'
        scale = "logarithmic" if self.log else "linear"
        yield f'<text x="{self.x(self.last / 2):.1f}" y="{bottom + 38}" text-anchor="middle">depth (time: {scale})</text>'

    def curve(self, points, colour, dashed):
        path = " ".join(f"{self.x(d):.1f},{self.y(ms):.1f}" for d, ms in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        yield (f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash} '
               f'clip-path="url(#panel{self.left})"/>')
        for d, ms in [] if dashed else [point for point in points if point[1] <= self.high]:
            yield f'<circle cx="{self.x(d):.1f}" cy="{self.y(ms):.1f}" r="2.5" fill="{colour}"/>'


def curves(figures):
    """[(name, colour, dashed, points)]: every cache, and the bound of a 16-bit one."""
    taken, out = {}, []
    for key, by_depth in figures.rows.items():
        family = key[0].split()[0]
        colours = COLOURS.get(family, ["#000"])
        colour = colours[taken.setdefault(family, 0) % len(colours)]
        taken[family] += 1
        out.append((" ".join(key), colour, False, [(d, figures.median(key, d)) for d in sorted(by_depth)]))
    if figures.streams and out:
        last = max(d for _, _, _, points in out for d, _ in points)
        size = 2 * figures.shape["numbers_per_position"]
        out.append(("bound of a 16-bit cache", "#00a030", True, [(d, figures.bound(size, d)) for d in (0, last)]))
    return out


def legend(all_curves):
    for i, (name, colour, dashed, _) in enumerate(all_curves):
        y, dash = TOP + 16 * i, ' stroke-dasharray="5 4"' if dashed else ""
        yield f'<line x1="{2 * WIDTH + 15}" x2="{2 * WIDTH + 40}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="3"{dash}/>'
        yield f'<text x="{2 * WIDTH + 46}" y="{y + 4}">{html.escape(name)}</text>'


def draw(records):
    """The image's text; None where nothing was decoded. Of several numbers of threads the first."""
    threads = [r["threads"] for r in store.select(records, part="decode")]
    if not threads:
        return None
    figures = Figures(records, min(threads))
    all_curves = curves(figures)
    times = [ms for _, _, _, points in all_curves for _, ms in points]
    near = [ms for name, _, _, points in all_curves if name.startswith("kvern") for _, ms in points] or times
    last = max(d for _, _, _, points in all_curves for d, _ in points)
    panels = [Panel(0, last, 0, 1.6 * max(near), False), Panel(WIDTH, last, min(times) / 1.3, max(times) * 1.3, True)]
    body = [piece for panel in panels for piece in panel.frame()]
    body += [piece for panel in panels for _, colour, dashed, points in all_curves for piece in panel.curve(points, colour, dashed)]
    title = f"{figures.shape['model']}, weights {weights_of(figures.shape)}, {figures.threads} thread(s): ms per token over depth"
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH + 300}" height="{HEIGHT}" '
                      'font-family="sans-serif" font-size="11">', '<rect width="100%" height="100%" fill="#fff"/>',
                      f'<text x="{LEFT}" y="20" font-size="14">{html.escape(title)}</text>', *body, *legend(all_curves), "</svg>", ""])
