"""Style of the pages: one column of sections, light or dark as the reader's system."""

from mlpkit.charts.style import colors, rules

STYLE = f"""
{colors(":root")}{rules("svg")}"""
STYLE += """*{box-sizing:border-box}
body{margin:0 auto;max-width:1100px;padding:16px;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.6em;margin:.4em 0 .2em;overflow-wrap:anywhere}h2{font-size:1.2em;margin:0 0 .5em}h3{font-size:1em;margin:1em 0 .3em}
section{border-top:1px solid var(--rule);padding:18px 0}
nav{display:flex;flex-wrap:wrap;gap:2px 14px;padding:8px 0 14px}
a{color:var(--c0)}p{margin:.4em 0;max-width:75ch;overflow-wrap:anywhere}.note{color:var(--soft);font-size:.92em}.lead{font-size:1.08em}
.scroll{overflow-x:auto;margin:.6em 0;max-width:100%}
table{border-collapse:collapse;font-size:.92em;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:2px 0 4px;caption-side:top}
th,td{padding:3px 12px 3px 0;border-bottom:1px solid var(--rule);vertical-align:top;white-space:nowrap}
thead th{color:var(--soft);font-weight:600;vertical-align:bottom}tbody th{font-weight:500}
th,td{text-align:right}th.t,td.t,tbody th,td.bar{text-align:left}table.wrap td{white-space:normal;overflow-wrap:anywhere;min-width:14em}
table.matrix td{min-width:3.2em;padding-left:8px;padding-right:8px}table.matrix td.hit{outline:1px solid var(--soft);outline-offset:-2px}
td small{display:block;color:var(--soft)}td.bar{min-width:150px;width:220px}td.bar i{
display:block;height:.95em;margin-top:.25em;background:var(--bar);border-left:2px solid var(--c0)}
.worse{color:var(--bad);font-weight:600}.better{color:var(--good);font-weight:600}
.charts{display:flex;flex-wrap:wrap;gap:14px 26px}figure{margin:.4em 0;width:340px;max-width:100%}
figcaption{font-size:.88em}figcaption b{font-weight:600;display:block}.key{display:inline-block;margin-right:12px;white-space:nowrap}
svg{display:block;width:100%;height:auto}svg.sample{display:inline-block;width:24px;height:10px;margin-right:5px}
details{margin:.3em 0}summary{cursor:pointer;overflow-wrap:anywhere}
pre{background:var(--shade);padding:10px;overflow-x:auto;font-size:.86em;line-height:1.4}
"""
