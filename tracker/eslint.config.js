/** Only rules that find bugs, none for formatting. */

import js from "@eslint/js";

export default [
  { ignores: ["dist"] },
  js.configs.recommended,
  {
    rules: {
      eqeqeq: "off", // == is a byte shorter, and the operand types are known
      "no-empty": ["error", { allowEmptyCatch: true }],
      "no-undef": "off", // tsc checks names
      "no-var": "error",
      "prefer-const": "error",
    },
  },
];
