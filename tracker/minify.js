/** Bundles and minifies src/, reproducibly: the same sources produce the same bytes. */

import { build } from "esbuild";
import { minify } from "terser";

const root = new URL(".", import.meta.url).pathname;

/** The builds: entry file in src/, condition for package.json's imports, and maximum gzipped size in bytes. */
export const BUILDS = {
  "headrace.js": { entry: "src/main.js", condition: "core", limitBytes: 2150 },
  "headrace-full.js": { entry: "src/main.js", condition: "full", limitBytes: 3700 },
  "divolte.js": { entry: "src/divolte/main.js", condition: "divolte", limitBytes: 3000 },
};

/** @typedef {keyof typeof BUILDS} BuildName */

/**
 * Returns the file from which the collector serves a build.
 * @param {string} name
 */
export const builtFile = (name) => new URL("../collector/static/" + name, import.meta.url);

/**
 * Returns the text of a build.
 * @param {{ entry: string, condition: string }} build
 */
export const makeBuild = async ({ entry, condition }) => {
  const bundle = await build({
    entryPoints: [root + entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2021",
    minifySyntax: true,
    conditions: [condition],
  });
  const options = { ecma: 2020, module: true, toplevel: true, compress: { passes: 5, unsafe_arrows: true, hoist_props: true }, mangle: true };
  const { code } = await minify(bundle.outputFiles[0].text, options);
  return `(()=>{${code.replace(/;$/, "")}})();\n`;
};
