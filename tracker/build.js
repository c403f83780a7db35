/** Build script: writes the built files. */

import { writeFileSync } from "node:fs";
import { BUILDS, builtFile, makeBuild } from "./minify.js";

for (const [name, build] of Object.entries(BUILDS)) writeFileSync(builtFile(name), await makeBuild(build));
