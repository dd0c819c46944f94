"""Tables as text."""


def text(heads, rows, numbers=()):
    """Columns wide enough, `numbers` of them to the right; what repeats above is left out."""
    rows = [list(heads)] + [list(map(str, r)) for r in rows]
    widths = [max(len(r[i]) for r in rows) for i in range(len(heads))]
    lines, above = [], None
    for row in rows:
        shown = row if above is None else without_repeats(row, above)
        cells = [c.rjust(w) if i in numbers else c.ljust(w)
                 for i, (c, w) in enumerate(zip(shown, widths))]
        lines.append("  ".join(cells).rstrip())
        above = row
    return "\n".join(lines)


def without_repeats(row, above):
    """Blanks for the first columns where they say what the row above said."""
    same = 0
    while same < 2 and row[:same + 1] == above[:same + 1]:
        same += 1
    return [""] * same + row[same:]
