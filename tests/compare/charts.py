# SPDX-License-Identifier: BSD-2-Clause
"""Charts as inline SVG that need no colour: shapes and patterns tell what is what, and each value is written."""

import math
from xml.sax.saxutils import escape

PATTERNS = {
    "solid": '<rect width="8" height="8" fill="#333"/>',
    "blank": '<rect width="8" height="8" fill="#fff"/>',
    "rising": '<path d="M0 8L8 0" stroke="#000" stroke-width="1.5"/>',
    "falling": '<path d="M0 0L8 8" stroke="#000" stroke-width="1.5"/>',
    "dots": '<circle cx="4" cy="4" r="1.6" fill="#000"/>',
    "level": '<path d="M0 4H8" stroke="#000" stroke-width="1.5"/>',
    "upright": '<path d="M4 0V8" stroke="#000" stroke-width="1.5"/>',
    "grid": '<path d="M0 4H8M4 0V8" stroke="#000" stroke-width="1"/>',
}
HOLLOW = 'fill="#fff" stroke="#000" stroke-width="2"'
WIDTH, LABEL, ROW = 760, 190, 26


def patterns():
    """The definitions, once in a document."""
    found = "".join(f'<pattern id="{name}" width="8" height="8" patternUnits="userSpaceOnUse">'
                    f'<rect width="8" height="8" fill="#fff"/>{body}</pattern>' for name, body in PATTERNS.items())
    return f'<svg width="0" height="0" aria-hidden="true"><defs>{found}</defs></svg>'


def text(x, y, words, anchor="start", size=12):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{escape(words)}</text>'


def svg(height, body, title):
    return (f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}" font-family="sans-serif">'
            f'<title>{escape(title)}</title>{body}</svg>')


def shape(kind, x, y):
    if kind == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="#000"/>'
    if kind == "square":
        return f'<rect x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10" {HOLLOW}/>'
    return f'<path d="M{x - 6:.1f} {y + 5:.1f}h12l-6 -11z" {HOLLOW}/>'


def legend(entries, draw, y):
    """In rows that fit."""
    body, x = "", LABEL
    for name, kind in entries:
        wide = 30 + 7 * len(name)
        if x + wide > WIDTH:
            x, y = LABEL, y + 20
        body += draw(kind, x, y) + text(x + 16, y + 4, name)
        x += wide
    return body, y + 20


def dots(title, series, rows):
    """A point for each value on a logarithmic scale. series: (name, shape); rows: (label, [value or None])."""
    values = [value for _, found in rows for value in found if value]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))

    def place(value):
        return LABEL + (WIDTH - LABEL - 130) * (math.log10(value) - low) / (high - low)

    body, y = legend(series, shape, 14)
    top = y + 8
    bottom = top + ROW * len(rows)
    for power in range(low, high + 1):
        x = place(10 ** power)
        body += f'<path d="M{x:.1f} {top}V{bottom}" stroke="#bbb"/>'
        body += text(x, bottom + 16, f"{10 ** power:,}", "middle")
    for index, (label, found) in enumerate(rows):
        y = top + ROW * index + ROW / 2
        body += text(LABEL - 10, y + 4, label, "end")
        shown = sorted((value, kind) for value, (_, kind) in zip(found, series) if value)
        if len(shown) > 1:
            first, last = place(shown[0][0]), place(shown[-1][0])
            body += f'<path d="M{first:.1f} {y}H{last:.1f}" stroke="#000" stroke-dasharray="2 3"/>'
        for value, kind in shown:
            body += shape(kind, place(value), y)
        if shown:
            body += text(place(shown[-1][0]) + 10, y + 4, " / ".join(f"{value:,.0f}" for value, _ in shown))
    return svg(bottom + 26, body, title)


def swatch(kind, x, y):
    return f'<rect x="{x:.1f}" y="{y - 6:.1f}" width="12" height="12" fill="url(#{kind})" stroke="#000"/>'


def bars(title, series, rows):
    """Stacked bars. series: (name, pattern); rows: (label, [value])."""
    largest = max(sum(found) for _, found in rows)
    body, y = legend(series, swatch, 14)
    top, scale = y + 6, (WIDTH - LABEL - 70) / largest
    for index, (label, found) in enumerate(rows):
        y, x = top + ROW * index, LABEL
        body += text(LABEL - 10, y + 17, label, "end")
        for value, (name, pattern) in zip(found, series):
            if not value:
                continue
            wide = value * scale
            body += (f'<rect x="{x:.1f}" y="{y + 3}" width="{wide:.1f}" height="{ROW - 8}" fill="url(#{pattern})" '
                     f'stroke="#000"><title>{escape(f"{label.strip()}, {name}: {value:,.0f}")}</title></rect>')
            x += wide
        body += text(x + 6, y + 17, f"{sum(found):,.0f}")
    return svg(top + ROW * len(rows) + 8, body, title)
