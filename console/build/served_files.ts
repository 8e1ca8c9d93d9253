/** A step of the build: what the function `console` sends is made once, here, and not for each request. */

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
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

/** A file in the list. `functions/console/build.rs` reads it. */
interface ServedFile {
  name: string;
  type: string;
  /** Weak, since one tag stands for all encodings (RFC 9110, section 8.8.3). */
  etag: string;
  encodings: string[];
  /** Whether its name changes with its content, so that browsers may keep it for good. */
  immutable: boolean;
}

/** The folder that the function's build reads. It stays, with the file by which it is in the repository: cargo watches it. */
const FOLDER = "dist";
const LIST = "files.json";
const ENDINGS: Record<string, string> = { br: ".br", gzip: ".gz" };

/**
 * Writes each file's Brotli and gzip forms beside it, and the list of files with their types and entity tags.
 *
 * All of it is made in a folder of its own first. So a build that fails leaves the list and the files of the last one as they are, and
 * whoever embeds the console meanwhile has a whole one.
 */
export function servedFiles(): Plugin {
  const unfinished = join(FOLDER, `unfinished-${process.pid}`);
  return {
    name: "served-files",
    apply: "build",
    config: () => ({ build: { outDir: unfinished, emptyOutDir: true } }),
    // Vite calls it when every file is written, and not after a failure, as it does `closeBundle`.
    writeBundle() {
      const assets = readdirSync(join(unfinished, "assets")).map((name) => `assets/${name}`);
      // The page comes last, since it names the others.
      const files = [...assets.sort(), "index.html"].map((name) => servedFile(unfinished, name));
      writeFileSync(join(unfinished, LIST), `${JSON.stringify(files, null, 1)}\n`);
      const forms = files.flatMap(formsOf);
      mkdirSync(join(FOLDER, "assets"), { recursive: true });
      for (const name of [...forms, LIST]) renameSync(join(unfinished, name), join(FOLDER, name));
      removeOthers(new Set([...forms, LIST]));
    },
  };
}

/** The files in which a file is kept: as it is, and in each encoding. */
function formsOf(file: ServedFile): string[] {
  return [file.name, ...file.encodings.map((encoding) => `${file.name}${ENDINGS[encoding]}`)];
}

/**
 * Removes all that the list does not name, whoever wrote it, but `.gitignore`: files of earlier builds, what builds left that were
 * interrupted, and the digest of the sources that the launcher built, which are no longer those of this build.
 */
function removeOthers(named: Set<string>): void {
  const kept = new Set([...named, "assets", ".gitignore"]);
  const assets = readdirSync(join(FOLDER, "assets")).map((name) => `assets/${name}`);
  for (const name of [...readdirSync(FOLDER), ...assets].filter((name) => !kept.has(name))) {
    rmSync(join(FOLDER, name), { recursive: true });
  }
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
  writeFileSync(`${path}${ENDINGS.br}`, brotliCompressSync(content, { params }));
  writeFileSync(`${path}${ENDINGS.gzip}`, gzipSync(content, { level: 9 }));
  return Object.keys(ENDINGS);
}
