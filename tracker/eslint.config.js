/** Only rules that find mistakes: the formatting follows the sources around it. */

import js from "@eslint/js";

export default [
  { ignores: ["dist"] },
  js.configs.recommended,
  {
    rules: {
      eqeqeq: "off", // == is a byte less, and what it compares is known
      "no-empty": ["error", { allowEmptyCatch: true }],
      "no-undef": "off", // tsc knows the browser's names
      "no-var": "error",
      "prefer-const": "error",
    },
  },
];
