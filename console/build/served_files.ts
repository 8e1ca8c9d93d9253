/** A step of the build: what the function `console` sends is made once, here, and not for each request. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const CONTENT_TYPES: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".md": "text/plain; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Vite's names end in a hash of eight characters. */
const HASHED = /-[\w-]{8}\.[a-z]+$/;

/** Below this many bytes an encoding saves nothing: the answer fits into one packet anyway. */
const LEAST_TO_ENCODE_BYTES = 1000;

/** The list that the function's build reads, `files.json`, has this form. */
interface ServedFile {
  name: string;
  type: string;
  /** Weak, since one tag stands for all encodings (RFC 9110, section 8.8.3). */
  etag: string;
  encodings: string[];
  /** Whether its name changes with its content, so that browsers may keep it for good. */
  immutable: boolean;
}

/** Writes each file's Brotli and gzip forms beside it, and the list of files with their types and entity tags. */
export function servedFiles(): Plugin {
  let folder = "dist";
  return {
    name: "served-files",
    apply: "build",
    configResolved(config) {
      folder = config.build.outDir;
    },
    buildStart() {
      // The folder stays, with the file by which it is in the repository: cargo watches it.
      for (const name of readdirSync(folder).filter((name) => name !== ".gitignore")) {
        rmSync(join(folder, name), { recursive: true });
      }
    },
    closeBundle() {
      const assets = readdirSync(join(folder, "assets")).map((name) => `assets/${name}`);
      const files = ["index.html", ...assets.sort()].map((name) => servedFile(folder, name));
      writeFileSync(join(folder, "files.json"), `${JSON.stringify(files, null, 1)}\n`);
    },
  };
}

function servedFile(folder: string, name: string): ServedFile {
  const type = CONTENT_TYPES[extname(name)];
  if (type === undefined) throw new Error(`${name} has a kind of content that build/served_files.ts does not know.`);
  const content = readFileSync(join(folder, name));
  const digest = createHash("sha256").update(content).digest("base64url").slice(0, 22);
  const encodings = content.length < LEAST_TO_ENCODE_BYTES ? [] : encode(join(folder, name), content);
  return { name, type, etag: `W/"${digest}"`, encodings, immutable: HASHED.test(name) };
}

function encode(path: string, content: Buffer): string[] {
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
  writeFileSync(`${path}.br`, brotliCompressSync(content, { params }));
  writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
  return ["br", "gzip"];
}
