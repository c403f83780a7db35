/** Copies the builds, for sites that serve them themselves, and the licence into the package. */

import { copyFileSync, mkdirSync } from "node:fs";
import { builtFile } from "./minify.js";

const from = (path) => new URL(path, import.meta.url);

mkdirSync(from("dist"), { recursive: true });
for (const name of ["headrace.js", "headrace-full.js"]) copyFileSync(builtFile(name), from("dist/" + name));
copyFileSync(from("../LICENSE"), from("dist/LICENSE"));
