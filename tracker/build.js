/** Writes the built file. */

import { writeFileSync } from "node:fs";
import { builtFile, makeBuild } from "./minify.js";

writeFileSync(builtFile, await makeBuild());
