import { createNodeResolver, importX } from "eslint-plugin-import-x";
import hooks from "eslint-plugin-react-hooks";
import ts from "typescript-eslint";

/** The rooms of src/, and which others each may import. */
const ROOMS = {
  protocol: [],
  runtime: [],
  state: ["protocol", "runtime"],
  rest: ["protocol", "runtime"],
  connection: ["protocol", "runtime"],
  sync: ["protocol", "runtime", "state", "rest", "connection"],
};
const zones = Object.entries(ROOMS).map(([room, below]) => ({
  target: `src/${room}`,
  from: "src",
  except: [room, ...below],
  message: `${room} may import ${below.join(", ") || "no other room"}.`,
}));

export default ts.config(
  { ignores: ["dist", "node_modules", "eslint.config.js"] },
  ...ts.configs.strictTypeChecked,
  ...ts.configs.stylisticTypeChecked,
  hooks.configs.flat.recommended,
  {
    plugins: { "import-x": importX },
    settings: {
      "import-x/resolver-next": [
        createNodeResolver({ extensions: [".ts", ".tsx"], extensionAlias: { ".js": [".ts", ".tsx"] } }),
      ],
      "import-x/parsers": { "@typescript-eslint/parser": [".ts", ".tsx"] },
    },
    rules: {
      "import-x/no-cycle": "error",
      // Without it, a resolver that finds nothing would make the two other rules pass.
      "import-x/no-unresolved": ["error", { ignore: ["^[^.]"] }],
      "import-x/no-restricted-paths": [
        "error",
        {
          basePath: import.meta.dirname,
          zones: [
            ...zones,
            { target: "src/client.ts", from: "src", except: ["options.ts", ...Object.keys(ROOMS)] },
            { target: "src/options.ts", from: "src", except: ["protocol", "runtime", "connection"] },
            {
              target: "src/react",
              from: "src/index.ts",
              message: "react imports modules, not the package's entry point.",
            },
          ],
        },
      ],
    },
  },
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // The compiler requires index signatures to stay visible as such.
      "@typescript-eslint/dot-notation": "off",
      // Allow a callback that is a single call.
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    },
  },
  {
    files: ["tests/**"],
    rules: {
      // A test knows what it has just created.
      "@typescript-eslint/no-non-null-assertion": "off",
    },
  },
);
