"""How the page looks: on wide and narrow screens, by day and by night, and on paper."""

from typing import Final

CSS: Final = """
:root { color-scheme: light dark; --bg: #fbfbfa; --card: #fff; --ink: #1d2126; --muted: #667079; --line: #e3e5e8;
  --soft: #f2f3f4; --c0: #0072b2; --c1: #c25400; --c2: #00875f; --c3: #b0578d; --c4: #a87400; --c5: #2e86b5;
  --good: #0b7a4b; --warn: #9a6200; --bad: #c0262d; --mono: ui-monospace, SFMono-Regular, Menlo, Consolas,
  "DejaVu Sans Mono", monospace; }
@media screen and (prefers-color-scheme: dark) { :root { --bg: #14171a; --card: #1b1f23; --ink: #e4e7ea;
  --muted: #98a2ab; --line: #30363c; --soft: #23282d; --c0: #5db4ec; --c1: #f08a45; --c2: #3fc495; --c3: #de93c0;
  --c4: #e0b04a; --c5: #7fc4ea; --good: #4cc38a; --warn: #e0a83e; --bad: #ff7b72; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 3.2rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--bg); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI",
  Roboto, "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums; }
main, .top { max-width: 74rem; margin: 0 auto; padding: 0 1.5rem; }
nav { position: sticky; top: 0; z-index: 1; background: var(--bg); border-bottom: 1px solid var(--line); }
nav div { max-width: 74rem; margin: 0 auto; padding: .55rem 1.5rem; display: flex; gap: 1.3rem; overflow-x: auto;
  scrollbar-width: none; }
nav a { color: var(--muted); text-decoration: none; white-space: nowrap; font-size: .9rem; }
nav a:hover, nav a:focus { color: var(--ink); }
.top { padding-top: 2.2rem; padding-bottom: 1.4rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0; font-weight: 650; letter-spacing: -.015em;
  overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0 0 .2rem; font-weight: 650; letter-spacing: -.005em; }
h3 { font-size: .95rem; margin: 1.4rem 0 .4rem; font-weight: 600; }
.sub { color: var(--muted); margin: .35rem 0 0; overflow-wrap: anywhere; font-size: .92rem; }
.sub code { font: .92em var(--mono); }
.state { display: inline-block; font-size: .8rem; font-weight: 600; padding: .12rem .6rem; border-radius: 1rem;
  vertical-align: .3rem; margin-left: .7rem; border: 1px solid currentColor; letter-spacing: 0; }
.finished { color: var(--good); } .failed, .killed { color: var(--bad); } .stalled { color: var(--warn); }
.running { color: var(--c0); } .stopped { color: var(--muted); }
section { padding: 1.7rem 0 .4rem; }
.note { color: var(--muted); margin: .1rem 0 .9rem; font-size: .9rem; max-width: 62rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); margin: 1.3rem 0 0;
  background: var(--card); border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; }
.tiles > div { box-shadow: 1px 1px 0 var(--line); padding: .7rem .95rem .75rem; min-width: 0; }
.tiles dt { color: var(--muted); font-size: .8rem; overflow-wrap: anywhere; }
.tiles dd { margin: 0; font-size: 1.3rem; font-weight: 600; line-height: 1.3; letter-spacing: -.01em;
  overflow-wrap: anywhere; }
.tiles small { display: block; color: var(--muted); font-size: .78rem; font-weight: 400; letter-spacing: 0; }
.alerts { list-style: none; margin: 1rem 0 0; padding: 0; }
.alerts li { border-left: 3px solid var(--bad); background: var(--card); padding: .5rem .9rem; margin: .4rem 0;
  border-radius: 0 .35rem .35rem 0; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .92rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem 1.1rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: .8rem; }
.plots figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .5rem .5rem .2rem; min-width: 0; }
.plots svg { width: 100%; height: auto; display: block; }
.plots text { fill: var(--ink); }
.scroll { overflow-x: auto; margin: 0 0 .6rem; }
table { border-collapse: collapse; font-size: .88rem; min-width: min(100%, 36rem); }
th { text-align: left; color: var(--muted); font-weight: 500; font-size: .8rem; white-space: nowrap; }
th, td { padding: .38rem 2rem .38rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
.when { white-space: nowrap; }
.n { text-align: right; white-space: nowrap; }
.gantt { display: grid; grid-template-columns: max-content minmax(0, 1fr); column-gap: .9rem; align-items: center; }
.gantt .name { color: var(--muted); font-size: .82rem; white-space: nowrap; }
.gantt .lane { grid-column: 1 / -1; font-size: .8rem; font-weight: 600; padding: .35rem 0 .1rem; }
.gantt svg { display: block; overflow: visible; } .gantt svg svg { overflow: hidden; }
.axis text { fill: var(--muted); font-size: 11px; }
.grid { stroke: var(--line); } .pause { fill: var(--soft); }
text.in, .flame text { font-size: 12px; fill: var(--ink); pointer-events: none; }
.k-run { fill: var(--muted); fill-opacity: .28; } .k-train { fill: var(--c0); fill-opacity: .22; }
.k-epochs { fill: var(--c0); fill-opacity: .62; } .k-epochs.odd { fill-opacity: .4; }
.k-val { fill: var(--c2); fill-opacity: .8; } .k-test { fill: var(--c3); fill-opacity: .8; }
.k-saves { fill: var(--c4); fill-opacity: .9; } .k-builds { fill: var(--c1); fill-opacity: .7; }
rect.failed { stroke: var(--bad); stroke-width: 2.5; } rect.open { stroke: var(--warn); stroke-width: 2;
  stroke-dasharray: 5 3; }
.flame { display: block; } .flame rect { fill: var(--muted); fill-opacity: .22; }
.flame .r0 { fill: var(--c1); } .flame .r1 { fill: var(--c0); } .flame .r2 { fill: var(--c2); }
.flame .r3 { fill: var(--c3); } .flame .r4 { fill: var(--c4); } .flame .r5 { fill: var(--c5); }
.flame .r0, .flame .r1, .flame .r2, .flame .r3, .flame .r4, .flame .r5 { fill-opacity: .42; }
.flame rect:hover { fill-opacity: .7; }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; margin: .7rem 0 0; font-size: .82rem; color: var(--muted); }
.key svg { vertical-align: -1px; margin-right: .4rem; }
.bar { width: 100%; min-width: 7rem; display: block; margin-top: .3rem; }
.step { fill: var(--c0); fill-opacity: .45; } .data { fill: var(--c1); fill-opacity: .9; }
.spark { width: 9rem; display: block; } .spark path { fill: none; stroke: var(--c0); stroke-width: 1.3; }
.host { white-space: nowrap; color: var(--muted); }
.messages { list-style: none; margin: .6rem 0 0; padding: 0; }
.messages > li { background: var(--card); border: 1px solid var(--line); border-left: 3px solid var(--warn);
  border-radius: .35rem; padding: .6rem .9rem; margin: .5rem 0; }
.messages > li.bad { border-left-color: var(--bad); }
.messages p { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.messages .meta { color: var(--muted); font-size: .82rem; display: flex; flex-wrap: wrap; gap: 0 1rem;
  margin-bottom: .15rem; }
.messages b { font-weight: 650; } .bad b { color: var(--bad); } .warn b { color: var(--warn); }
.why { color: var(--bad); font-size: .92rem; }
pre { font: 12px/1.5 var(--mono); overflow-x: auto; margin: .5rem 0 .2rem; padding: .7rem .9rem;
  background: var(--soft); border-radius: .35rem; }
summary { cursor: pointer; color: var(--muted); font-size: .85rem; margin-top: .3rem; }
.config { columns: 2 24rem; column-gap: 2.5rem; margin: 0; font-size: .88rem; }
.config div { display: grid; grid-template-columns: minmax(6rem, 45%) minmax(0, 1fr); gap: 1rem; padding: .28rem 0;
  border-bottom: 1px solid var(--line); break-inside: avoid; }
.config dt { color: var(--muted); overflow-wrap: anywhere; }
.config dd { margin: 0; font-family: var(--mono); font-size: .92em; overflow-wrap: anywhere; white-space: pre-wrap; }
footer { max-width: 74rem; margin: 0 auto; padding: 1.2rem 1.5rem 3rem; color: var(--muted); font-size: .82rem; }
@media (max-width: 40rem) { main, .top, nav div, footer { padding-left: 1rem; padding-right: 1rem; }
  .tiles { grid-template-columns: repeat(2, 1fr); } th, td { padding-right: .8rem; }
  .card { padding: .8rem; } .axis .odd { display: none; }
  .state { margin-left: .4rem; } .top { padding-top: 1.3rem; } h1 { font-size: 1.45rem; }
  .config div { grid-template-columns: 1fr; gap: 0; } .gantt { column-gap: .55rem; } }
@media print { :root { --bg: #fff; } @page { margin: 14mm; } body { font-size: 10.5pt; } nav { display: none; }
  main, .top, footer { max-width: none; padding-left: 0; padding-right: 0; } .top { padding-top: 0; }
  section { padding-top: 1rem; } h2, h3 { break-after: avoid; } .note { break-after: avoid; }
  .plots figure, .tiles, .messages > li, .card, tr { break-inside: avoid; } .scroll { overflow: visible; }
  .plots { grid-template-columns: repeat(2, 1fr); } th, td { padding-right: 1rem; overflow-wrap: anywhere; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
