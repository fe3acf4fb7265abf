"""Style of the pages: one column of sections, light or dark as the reader's system."""

STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#57606a;--rule:#d0d7de;--shade:#f3f5f7;--bar:#9cc3ea;
--c0:#0a5ca8;--c1:#b03a00;--c2:#1a7340;--c3:#7a35c9;--c4:#a01560;--c5:#5c5a00;--bad:#a40e26;--good:#116329}
@media(prefers-color-scheme:dark){:root{--paper:#0f1318;--ink:#e4e9ee;--soft:#9fa9b4;--rule:#353c45;--shade:#1a2027;--bar:#27527d;
--c0:#6db3f8;--c1:#f2a266;--c2:#62cf92;--c3:#c7a1ff;--c4:#ff90bd;--c5:#d3cf5a;--bad:#ff8f8f;--good:#7ddc8b}}
*{box-sizing:border-box}
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
svg text{font-size:11px;fill:var(--soft)}.axis{stroke:var(--soft);fill:none}.grid{stroke:var(--rule);stroke-width:.7;fill:none}
.guide{stroke:var(--soft);stroke-width:1;fill:none}.mark{stroke:var(--ink);stroke-width:1;stroke-dasharray:3 2;fill:none}
.line{stroke-width:1.8;fill:none}.dot{fill-opacity:.75;stroke:none}.dot.small{fill:none;stroke-width:4;stroke-linecap:round;stroke-opacity:.6}
details{margin:.3em 0}summary{cursor:pointer;overflow-wrap:anywhere}
pre{background:var(--shade);padding:10px;overflow-x:auto;font-size:.86em;line-height:1.4}
""" + "".join(f".line.c{n},.dot.small.c{n}{{stroke:var(--c{n})}}circle.c{n}{{fill:var(--c{n})}}\n" for n in range(6))
