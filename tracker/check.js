/** Fails if the built file is not what the sources give, or too large. */

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { builtFile, makeBuild } from "./minify.js";

const LIMIT_BYTES = 2150;

const text = readFileSync(builtFile, "utf8");
const size = gzipSync(text, { level: 9 }).length;
console.log(`headrace.js: ${text.length} bytes, ${size} gzipped, limit ${LIMIT_BYTES}`);
if (size > LIMIT_BYTES) throw new Error(`headrace.js is ${size - LIMIT_BYTES} bytes over its limit: make it smaller, the limit stays`);
if (text !== (await makeBuild())) throw new Error("headrace.js is not what the sources give: run `npm run build` and commit the file");
