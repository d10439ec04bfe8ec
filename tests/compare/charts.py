# SPDX-License-Identifier: BSD-2-Clause
"""Charts as inline SVG that need no colour: shapes and patterns tell what is what, and each value is written. They take
the page's ink and paper, so that they can be read on a dark screen and in print."""

import itertools
import math
from xml.sax.saxutils import escape

# Bodies of 8 by 8 tiles. A stroke of the class "ink" and a fill of the class "inked" are the page's ink.
PATTERNS = {
    "solid": '<rect width="8" height="8" class="inked"/>',
    "blank": "",
    "rising": '<path d="M-1 1L1 -1M0 8L8 0M7 9L9 7" class="ink" stroke-width="1.6"/>',
    "dots": '<circle cx="4" cy="4" r="1.7" class="inked"/>',
    "level": '<path d="M0 2H8M0 6H8" class="ink" stroke-width="1.2"/>',
    "upright": '<path d="M4 0V8" class="ink" stroke-width="1.4"/>',
    "grid": '<path d="M0 4H8M4 0V8" class="ink" stroke-width="1.2"/>',
    "falling": '<path d="M-1 7L1 9M0 0L8 8M7 -1L9 1" class="ink" stroke-width="3.2"/>',
}
STYLE = """
svg { max-width: 100%; height: auto; display: block; margin: 1em 0 }
svg text { fill: var(--ink); font-family: sans-serif; font-size: 12px; font-variant-numeric: tabular-nums }
.ink { stroke: var(--ink); fill: none } .inked { fill: var(--ink); stroke: none }
.faint { stroke: var(--faint); fill: none }
.hollow { fill: var(--paper); stroke: var(--ink); stroke-width: 2 } .edge { stroke: var(--ink); stroke-width: 1 }
.tile { fill: var(--paper) }
"""
WIDTH, LABEL, ROW, COLUMN = 840, 200, 24, 66
_ids = itertools.count(1)


def patterns():
    """The definitions, once in a document."""
    found = "".join(f'<pattern id="{name}" width="8" height="8" patternUnits="userSpaceOnUse">'
                    f'<rect width="8" height="8" class="tile"/>{body}</pattern>' for name, body in PATTERNS.items())
    return f'<svg width="0" height="0" aria-hidden="true" style="position:absolute"><defs>{found}</defs></svg>'


def text(x, y, words, anchor="start", weight=""):
    bold = f' font-weight="{weight}"' if weight else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{bold}>{escape(words)}</text>'


def line(path, kind="faint", more=""):
    return f'<path d="{path}" class="{kind}" {more}/>'


def svg(height, body, title, description):
    number = next(_ids)
    return (f'<svg viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}" role="img" '
            f'aria-labelledby="chart{number} about{number}"><title id="chart{number}">{escape(title)}</title>'
            f'<desc id="about{number}">{escape(description)}</desc>'
            f'{text(0, 14, title, weight="bold")}{body}</svg>')


def shape(kind, x, y):
    if kind == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" class="inked"/>'
    if kind == "square":
        return f'<rect x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9" class="hollow"/>'
    if kind == "cross":
        return line(f"M{x - 4.5:.1f} {y - 4.5:.1f}l9 9m0 -9l-9 9", "ink", 'stroke-width="2"')
    return f'<path d="M{x - 5.5:.1f} {y + 4.5:.1f}h11l-5.5 -10z" class="hollow"/>'


def legend(entries, draw, y):
    """In rows that fit."""
    body, x = "", LABEL
    for name, kind in entries:
        wide = 38 + 7 * len(name)
        if x + wide > WIDTH and x > LABEL:
            x, y = LABEL, y + 20
        body += draw(kind, x + 6, y) + text(x + 18, y + 4, name)
        x += wide
    return body, y + 20


def shown(value):
    if value is None:
        return "-"
    return f"{value:,.1f}" if value < 100 and abs(value - round(value)) > 0.04 else f"{value:,.0f}"


def describe(series, rows):
    return "; ".join(f"{label}: " + ", ".join(f"{name} {shown(value)}" for (name, _), value in zip(series, values)
                                              if value is not None) for label, values in rows) + "."


class Logarithmic:
    """A scale by powers of ten from `left` to `right`; zero has a place of its own, before where the axis begins."""

    def __init__(self, values, left, right):
        above = [value for value in values if value > 0]
        self.low, self.high = math.floor(math.log10(min(above))), math.ceil(math.log10(max(above)))
        self.high = max(self.high, self.low + 1)
        self.zero = left + 12 if min(values) <= 0 else None
        self.left, self.right = left + (44 if self.zero else 8), right

    def place(self, value):
        if value <= 0:
            return self.zero
        return self.left + (self.right - self.left) * (math.log10(value) - self.low) / (self.high - self.low)

    def draw(self, top, bottom, unit):
        body = ""
        for power in range(self.low, self.high + 1):
            for digit in range(1, 10 if power < self.high else 2):
                x = self.place(digit * 10 ** power)
                body += line(f"M{x:.1f} {bottom - (0 if digit == 1 else 4)}V{top if digit == 1 else bottom}")
            body += text(self.place(10 ** power), bottom + 16, f"{10 ** power:,}", "middle")
        body += line(f"M{self.left:.1f} {bottom}H{self.right:.1f}", "ink")
        if self.zero:
            body += line(f"M{self.zero:.1f} {top}V{bottom}") + text(self.zero, bottom + 16, "0", "middle")
            # The axis is broken between zero and its first power.
            middle = (self.zero + self.left) / 2
            body += line(f"M{middle - 5:.1f} {bottom + 4}l4 -8m4 8l4 -8", "ink")
        return body + text((self.left + self.right) / 2, bottom + 32, unit, "middle")


def dots(title, unit, series, rows):
    """A point for each value on a logarithmic scale, and the values in columns. series: (name, shape); rows: (label,
    [value or None])."""
    values = [value for _, found in rows for value in found if value is not None]
    columns = WIDTH - COLUMN * len(series)
    scale = Logarithmic(values, LABEL, columns - 6)
    body, y = legend(series, shape, 34)
    for index, (_, kind) in enumerate(series):
        body += shape(kind, columns + COLUMN * (index + 1) - 12, y)
    top, height = y + 10, 7 * len(series) + 6
    bottom = top + height * len(rows)
    body += scale.draw(top, bottom, unit)
    for index, (label, found) in enumerate(rows):
        y = top + height * (index + 0.5)
        body += text(LABEL - 10, y + 4, label, "end")
        places = [scale.place(value) for value in found if value is not None]
        body += line(f"M{min(places):.1f} {y}H{max(places):.1f}", "ink", 'stroke-dasharray="1 3"') if places else ""
        for at, (value, (_, kind)) in enumerate(zip(found, series)):
            # Beside each other, so that none hides another.
            body += shape(kind, scale.place(value), y + 7 * (at - (len(series) - 1) / 2)) if value is not None else ""
            body += text(columns + COLUMN * (at + 1) - 6, y + 4, shown(value), "end")
    return svg(bottom + 40, body, title, f"Logarithmic scale, {unit}. {describe(series, rows)}")


def swatch(kind, x, y):
    return f'<rect x="{x - 6:.1f}" y="{y - 6:.1f}" width="12" height="12" fill="url(#{kind})" class="edge"/>'


def round_step(largest):
    """A step of 1, 2 or 5 times a power of ten that gives four to ten ticks."""
    power = 10 ** math.floor(math.log10(largest / 4))
    return next(factor * power for factor in (5, 2, 1) if largest / (factor * power) >= 4 or factor == 1)


def bars(title, unit, series, rows):
    """Stacked bars from zero on a linear scale. series: (name, pattern); rows: (label, [value])."""
    largest = max(sum(found) for _, found in rows)
    body, y = legend(series, swatch, 34)
    top, scale = y + 2, (WIDTH - LABEL - 60) / largest
    bottom = top + ROW * len(rows)
    step = round_step(largest)
    for tick in range(int(largest / step) + 1):
        x = LABEL + tick * step * scale
        body += line(f"M{x:.1f} {top}V{bottom}") + text(x, bottom + 16, f"{tick * step:,}", "middle")
    for index, (label, found) in enumerate(rows):
        y, x = top + ROW * index, LABEL
        body += text(LABEL - 10, y + 16, label, "end")
        for value, (name, pattern) in zip(found, series):
            if not value:
                continue
            wide = value * scale
            body += (f'<rect x="{x:.1f}" y="{y + 4}" width="{wide:.1f}" height="{ROW - 8}" fill="url(#{pattern})" '
                     f'class="edge"><title>{escape(f"{label.strip()}, {name}: {shown(value)}")}</title></rect>')
            x += wide
        body += text(x + 6, y + 16, shown(sum(found)))
    body += line(f"M{LABEL} {top}V{bottom}", "ink") + text((LABEL + WIDTH - 60) / 2, bottom + 32, unit, "middle")
    return svg(bottom + 40, body, title, f"Stacked bars, {unit}. {describe(series, rows)}")
