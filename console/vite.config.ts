import { defineConfig } from "vite";
import { servedFiles } from "./build/served_files.ts";

/** The address of a running stack, for `npm run dev`. */
const API = process.env.CHAT_API ?? "http://127.0.0.1:9000";

export default defineConfig({
  // The pages work below a stage, on a domain and on a laptop: no address in them begins with a slash.
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    // The policy of the pages allows no inline script, and a file has a name that changes with its content.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: "assets/licences.md" },
  },
  plugins: [servedFiles()],
  server: {
    port: 9001,
    proxy: {
      "^/(?!$|index.html|src/|build/|node_modules/|@)": { target: API, changeOrigin: true },
    },
  },
});
