/** Bundles src/ and makes it small: the same sources always give the same bytes. */

import { build } from "esbuild";
import { minify } from "terser";

const root = new URL(".", import.meta.url).pathname;

/** Where the collector serves it from. */
export const builtFile = new URL("../collector/static/headrace.js", import.meta.url);

/** The text of the built file. */
export const makeBuild = async () => {
  const bundle = await build({ entryPoints: [root + "src/main.js"], bundle: true, write: false, format: "esm", target: "es2021", minifySyntax: true });
  const options = { ecma: 2020, module: true, toplevel: true, compress: { passes: 5, unsafe_arrows: true, hoist_props: true }, mangle: true };
  const { code } = await minify(`(()=>{${bundle.outputFiles[0].text}})()`, options);
  return code + "\n";
};
