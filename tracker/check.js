/** Check: fails if a built file differs from a fresh build or is too large. */

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { BUILDS, builtFile, makeBuild } from "./minify.js";

for (const [name, build] of Object.entries(BUILDS)) {
  const text = readFileSync(builtFile(name), "utf8");
  const size = gzipSync(text, { level: 9 }).length;
  const over = size - build.limitBytes;
  console.log(`${name}: ${text.length} bytes, ${size} gzipped, limit ${build.limitBytes}`);
  if (over > 0) throw new Error(`${name} is ${over} bytes over its limit: make it smaller, the limit stays`);
  if (text !== (await makeBuild(build))) throw new Error(`${name} is not what the sources give: run \`npm run build\` and commit the file`);
}
