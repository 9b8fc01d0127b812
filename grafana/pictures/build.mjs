// Bundles the page into build/: the script, its parts, the font, and Grafana's icons.
import { cp, rm, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

const OUT = 'build';

await rm(OUT, { recursive: true, force: true });
await build({
  entryPoints: ['src/page.tsx'],
  outdir: OUT,
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  logLevel: 'warning',
  define: { 'process.env.NODE_ENV': '"production"' },
  loader: { '.ttf': 'empty', '.svg': 'dataurl', '.woff': 'empty', '.woff2': 'file' },
});
await cp('node_modules/@grafana/ui/dist/public/img/icons', `${OUT}/public/build/img/icons`, { recursive: true });
await writeFile(
  `${OUT}/index.html`,
  '<!doctype html><meta charset="utf-8"><title>Dashboard</title><link rel="stylesheet" href="page.css">' +
    '<style>html::-webkit-scrollbar { display: none }</style>' +
    '<body><div id="page"></div><script type="module" src="page.js"></script>',
);
