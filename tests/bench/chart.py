# SPDX-License-Identifier: BSD-2-Clause
"""chart - messages/s at the milter protocol, and through Postfix, as SVG"""
import os
import subprocess

from report import spread
from scenarios import FAN_OUTS, SCENARIOS, fan_out_title

LIMIT = "does nothing, or the same from constants (b, c')"
# The bars of a group: (series, colour, cell in a scenario or fan-out).
PROTOCOL = (
    (LIMIT, "#9e9e9e",
     lambda s: (s, "b" if s == "untagged" else "equal", None, "unix", 8)),
    ("notify-milter", "#1565c0", lambda s: (s, "nm", "main", "unix", 8)),
    ("Python (d)", "#ef9a3c", lambda s: (s, "d", "main", "unix", 8)),
    ("MIMEDefang (e)", "#b5473c", lambda s: (s, "e", "main", "unix", 8)),
)
POSTFIX = (
    ("no milter", "#d9d9d9", lambda s: ("disk", s, "none")),
    (LIMIT, "#9e9e9e",
     lambda s: ("disk", s, "b" if s == "untagged" else "equal")),
    ("notify-milter", "#1565c0", lambda s: ("disk", s, "nm")),
    ("virtual_alias_maps = sqlite:", "#6a9f4d", lambda s: ("disk", s, "alias")),
)

PLOT = """\
set terminal svg size 1200,540 font "sans,12" background "white" noenhanced
set output "{svg}"
set multiplot layout 1,2
set style data histogram
set style histogram errorbars gap 1 lw 1
set style fill solid noborder
set boxwidth 0.9
set errorbars 0.5 linecolor rgb "#333333"
set logscale y
set grid ytics
set key outside below reverse Left maxcols 2
set xtics nomirror
set ytics nomirror
set datafile missing "?"
{panels}
unset multiplot
"""
PANEL = """\
set title "{title}"
set ylabel "{unit}"
set yrange [{least}:*]
plot {series}
"""


def _data(path, names, series, rounds, measure):
    """A line for each of NAMES: its title, then median, minimum and maximum of
    each of SERIES."""
    with open(path, "w") as out:
        for name, title in names.items():
            words = [f'"{title}"']
            for _, _, cell in series:
                found = rounds.get(cell(name))
                one = spread(found, measure) if found else None
                words += ([str(one.median), str(one.least), str(one.most)]
                          if one else ["?"] * 3)
            out.write(" ".join(words) + "\n")


def _panel(path, title, unit, least, series):
    plots = ", ".join(
        f'"{path}" using {3 * i + 2}:{3 * i + 3}:{3 * i + 4}:xtic(1) '
        f'linecolor rgb "{colour}" title "{name}"'
        for i, (name, colour, _) in enumerate(series))
    return PANEL.format(title=title, unit=unit, least=least, series=plots)


def draw(svg, folder, rounds):
    """Write the chart to SVG; its data go into FOLDER."""
    protocol = os.path.join(folder, "protocol.dat")
    through = os.path.join(folder, "postfix.dat")
    _data(protocol, {name: f"to {one.adds:,}" if one.adds else name
                     for name, one in SCENARIOS.items()},
          PROTOCOL, rounds, "per_second")
    _data(through, {name: fan_out_title(name) for name in FAN_OUTS
                    if ("disk", name, "nm") in rounds},
          POSTFIX, rounds, "per_second")
    text = PLOT.format(svg=svg, panels=_panel(
        protocol, "At the milter protocol, 8 connections: more is better",
        "messages/s", 10, PROTOCOL) + _panel(
        through, "Through Postfix, 20 sessions, on the disk: more is better",
        "messages/s", 1, POSTFIX))
    done = subprocess.run(["gnuplot"], input=text, text=True,
                          capture_output=True, timeout=60)
    if done.returncode != 0 or not os.path.getsize(svg):
        raise RuntimeError(f"gnuplot: {done.stderr}")
