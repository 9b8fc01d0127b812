"""The page's style sheet, which stands in the page itself: its hash lets it through the Content-Security-Policy."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #ffffff; --text: #1d2126; --quiet: #565f69; --line: #c9d0d7; --raised: #f3f5f7;
  --link: #0b57a4; --good: #17693a; --warn: #8a4b00; --bad: #b3201f;
}
@media (prefers-color-scheme: dark) {
  :root { --ground: #14171a; --text: #e6e9ec; --quiet: #a3adb7; --line: #3a434c; --raised: #1e2328;
    --link: #7db7f2; --good: #6fce93; --warn: #eab25c; --bad: #ff938c; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 0 1rem 3rem; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible, .wide:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: .5rem; padding: .3rem .6rem; background: var(--ground); }
header { display: flex; flex-wrap: wrap; gap: 0 2rem; align-items: baseline; border-bottom: 1px solid var(--line);
  padding: .8rem 0; }
h1 { font-size: 1.15rem; margin: 0; }
h1 small { font-weight: normal; color: var(--quiet); }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; list-style: none; margin: 0; padding: 0; }
h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; }
h3 { font-size: 1rem; margin: 0; }
.verdict { font-size: 1.6rem; line-height: 1.25; margin: 1.6rem 0 .2rem; }
.quiet { color: var(--quiet); }
p { margin: .3rem 0; max-width: 50rem; }
.problem { border-left: .3rem solid var(--line); background: var(--raised); padding: .6rem .9rem; margin: .7rem 0; }
.problem.critical { border-color: var(--bad); }
.problem.warning { border-color: var(--warn); }
.problem ul { margin: .4rem 0 0; padding-left: 1.1rem; }
.problem li + li { margin-top: .5rem; }
.critical .state, .state.critical { color: var(--bad); font-weight: 600; }
.warning .state, .state.warning { color: var(--warn); font-weight: 600; }
.state.ok { color: var(--good); font-weight: 600; }
.state.waiting { color: var(--quiet); }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: .3rem; }
table { border-collapse: collapse; width: 100%; overflow-wrap: break-word; }
caption { text-align: left; padding: .5rem .7rem; color: var(--quiet); position: sticky; left: 0;
  width: fit-content; max-width: calc(100vw - 3.5rem); }
th, td { text-align: left; vertical-align: top; padding: .35rem .7rem; border-top: 1px solid var(--line); }
th { font-weight: 600; }
thead th { background: var(--raised); white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tbody th { min-width: 5rem; max-width: 24rem; }
.state { white-space: nowrap; }
td.prose { min-width: 12rem; }
time { white-space: nowrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: .6rem 0; }
dt { color: var(--quiet); }
dd { margin: 0; }
@media (max-width: 30rem) {
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; }
  .verdict { font-size: 1.3rem; }
  th, td { padding: .35rem .45rem; }
  thead th { white-space: normal; }
  td.number, th.number { min-width: 4.5rem; }
}
svg.course { display: block; width: 7rem; height: 1.5rem; }
dd svg.course { width: 18rem; max-width: 100%; height: 3rem; }
.course .axis { stroke: var(--line); }
.course .ddl { fill: var(--link); }
.course .failed { fill: var(--bad); }
details { margin: .6rem 0; }
summary { cursor: pointer; }
code { font-family: ui-monospace, monospace; font-size: .92em; }
"""

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
