/** Check: fails unless the package contains exactly the expected files. */

import { execFileSync } from "node:child_process";

const PROMISED = ["README.md", "dist/LICENSE", "dist/headrace-full.js", "dist/headrace.js", "index.d.ts", "index.js", "package.json"];

const [{ files, filename, size }] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json", "--silent"], { encoding: "utf8" }));
const held = files.map(({ path }) => path).sort();
console.log(`${filename}: ${size} bytes, ${held.length} files`);
if ("" + held != "" + PROMISED.sort()) throw new Error(`the package holds ${held}; it should hold ${PROMISED}: see "files" in package.json`);
