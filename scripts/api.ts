// What the package exports, read from the declarations that the compiler writes: docs/api.md (`npm run docs`), and the snapshot that
// a test compares (`npm run api`).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
export const SNAPSHOT = join(ROOT, 'test/unit/docs/api.snapshot.txt');

/** One declaration, and what is said of it. */
interface Declaration {
  readonly name: string;
  readonly comment: string;
  readonly text: string;
  readonly file: string;
}

interface Module {
  /** What stands above everything else. */
  readonly comment: string;
  readonly declarations: ReadonlyMap<string, Declaration>;
  /** Names that come from other modules of ours. */
  readonly imports: ReadonlyMap<string, { readonly file: string; readonly name: string }>;
  readonly exports: ReadonlyMap<string, { readonly file: string; readonly name: string }>;
}

export interface EntryPoint {
  /** As it is imported. */
  readonly name: string;
  readonly comment: string;
  readonly exported: readonly Declaration[];
  /** Not exported, but mentioned by what is. */
  readonly mentioned: readonly Declaration[];
}

const START = /^(?:export )?(?:declare )?(?:abstract )?(?:class|function|const|interface|type|namespace) ([\w$]+)/;

/** The compiler's declarations are regular: everything at the top begins at the first column. */
function split(text: string, file: string): Declaration[] {
  const found: Declaration[] = [];
  let comment: string[] = [];
  let lines: string[] = [];
  let depth = 0;
  let isComment = false;
  for (const line of text.split('\n')) {
    const isOwn = lines.length > 0;
    if (!isOwn && (isComment || line.startsWith('/**'))) {
      if (!isComment) comment = [];
      comment.push(line);
      isComment = !line.endsWith('*/');
      continue;
    }
    if (!isOwn && !START.test(line)) {
      if (line !== '') comment = [];
      continue;
    }
    lines.push(line);
    // Brackets in comments mean nothing, nor do arrows.
    const code = line.replace(/^\s*(?:\/\*\*|\*).*$/, '').replaceAll('=>', '');
    depth += (code.match(/[{([]/g)?.length ?? 0) - (code.match(/[})\]]/g)?.length ?? 0);
    if (depth > 0 || !/[;}]$/.test(line)) continue;
    const declaration = lines.filter((one) => one.trim() !== '#private;').join('\n');
    found.push({ name: START.exec(declaration)?.[1] ?? '', comment: plain(comment), text: brief(declaration), file });
    comment = [];
    lines = [];
  }
  return found;
}

/** Members of a table that are alike are told once. */
function brief(text: string): string {
  let last = '';
  return text.replace(/^( +[^\n]+: )\{\n([^{}]*)\n +\};$/gm, (whole, head: string, body: string) => {
    const isSame = body === last;
    last = body;
    return isSame ? `${head}{ … };` : whole;
  });
}

/** A comment as running text. */
function plain(lines: readonly string[]): string {
  return lines
    .join('\n')
    .replace(/^\/\*\*\s?|\s*\*\/$/g, '')
    .replace(/^ *\* ?/gm, '')
    .trim();
}

function read(folder: string, file: string): Module {
  const text = readFileSync(join(folder, file.replace(/\.ts$/, '.d.ts')), 'utf8');
  const imports = new Map<string, { file: string; name: string }>();
  const exports = new Map<string, { file: string; name: string }>();
  for (const [, word, list = '', source = ''] of text.matchAll(
    /^(import|export)(?: type)? \{([^}]*)\}(?: from '([^']+)')?;$/gm,
  )) {
    for (const item of list.split(',').map((one) => one.trim().replace(/^type /, ''))) {
      const [name = '', alias = name] = item.split(' as ');
      if (item === '' || (source !== '' && !source.startsWith('.'))) continue;
      const target = { file: source === '' ? file : posix.join(posix.dirname(file), source), name };
      (word === 'import' ? imports : exports).set(alias, target);
    }
  }
  const declarations = new Map<string, Declaration>();
  // Overloads, and a type beside a value, stand together.
  for (const one of split(text, file)) {
    const first = declarations.get(one.name);
    declarations.set(one.name, first === undefined ? one : { ...first, text: `${first.text}\n${one.text}` });
    if (one.text.startsWith('export ')) exports.set(one.name, { file, name: one.name });
  }
  const [comment = ''] = /^\/\*\*[^]*?\*\/(?=\n(?:import|export \{|export type \{))/.exec(text) ?? [];
  return { comment: plain(comment.split('\n')), declarations, imports, exports };
}

class Reader {
  readonly #folder: string;
  readonly #modules = new Map<string, Module>();
  /** What one entry point exports, the others need not tell again. */
  readonly #told = new Set<Declaration>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  module(file: string): Module {
    const known = this.#modules.get(file) ?? read(this.#folder, file);
    this.#modules.set(file, known);
    return known;
  }

  /** Follows a name to where it is declared. */
  find(file: string, name: string): Declaration | undefined {
    const { declarations, imports, exports } = this.module(file);
    const own = declarations.get(name);
    if (own !== undefined) return own;
    const next = imports.get(name) ?? exports.get(name);
    return next === undefined || (next.file === file && next.name === name)
      ? undefined
      : this.find(next.file, next.name);
  }

  entry(name: string, file: string): EntryPoint {
    const { comment, exports } = this.module(file);
    const exported = [...exports].map(([alias, target]) => {
      const found = this.find(target.file, target.name);
      if (found === undefined) throw new Error(`${name} exports ${alias}, which is declared nowhere`);
      return found;
    });
    for (const one of exported) this.#told.add(one);
    const seen = new Set(this.#told);
    const mentioned: Declaration[] = [];
    for (const one of [...exported, ...mentioned]) this.#mention(one, seen, mentioned);
    return { name, comment, exported: exported.sort(byName), mentioned: mentioned.sort(byName) };
  }

  #mention({ text, file }: Declaration, seen: Set<Declaration>, mentioned: Declaration[]): void {
    // The types of the settings come from their schema: docs/configuration.md says them better.
    if (file.startsWith('config/')) return;
    const code = text.replace(/\/\*\*[^]*?\*\//g, '').replace(/'[^'\n]*'|"[^"\n]*"/g, '');
    for (const [word] of code.matchAll(/[\w$]+/g)) {
      const found = this.find(file, word);
      if (found === undefined || seen.has(found)) continue;
      seen.add(found);
      mentioned.push(found);
      this.#mention(found, seen, mentioned);
    }
  }
}

const byName = (a: Declaration, b: Declaration): number => (a.name < b.name ? -1 : 1);

/** Runs the compiler, and reads what package.json exports. */
export function entryPoints(): EntryPoint[] {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-api-'));
  try {
    const args = [
      '-p',
      'tsconfig.build.json',
      '--emitDeclarationOnly',
      '--declarationMap',
      'false',
      '--outDir',
      folder,
    ];
    const { status, stdout } = spawnSync(process.execPath, [join(ROOT, 'node_modules/.bin/tsc'), ...args], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`tsc failed:\n${stdout}`);
    const reader = new Reader(folder);
    const { name, exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      name: string;
      exports: Record<string, string | { types: string }>;
    };
    return Object.entries(exports).flatMap(([path, target]) => {
      if (typeof target === 'string') return [];
      const file = target.types.replace('./dist/', '').replace(/\.d\.ts$/, '.ts');
      return [reader.entry(posix.join(name, path), file)];
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The declarations alone: what a program may rely on. */
export function snapshot(entries: readonly EntryPoint[]): string {
  const code = ({ text }: Declaration): string => text.replace(/^[ \t]*\/\*\*[^]*?\*\/\n/gm, '');
  const parts = entries.map(({ name, exported, mentioned }) => {
    const list = [...exported.map(code), '// Mentioned by these, and not exported:', ...mentioned.map(code)];
    return `// ===== ${name}\n\n${list.join('\n\n')}\n`;
  });
  return parts.join('\n');
}

export function apiPage(entries: readonly EntryPoint[]): string {
  const chapter = ({ name, comment, text }: Declaration): string => {
    const code = text.replace(/^export (?:declare )?/gm, '').replace(/^ {4}/gm, '  ');
    return `### ${name}\n\n${comment === '' ? '' : `${comment.replaceAll('<', '&lt;')}\n\n`}\`\`\`ts\n${code}\n\`\`\`\n`;
  };
  const parts = entries.map(({ name, comment, exported, mentioned }) => {
    const others =
      mentioned.length === 0 ? '' : `\n## Mentioned by \`${name}\`\n\n${mentioned.map(chapter).join('\n')}`;
    return `## ${name}\n\n${comment === '' ? '' : `${comment}\n\n`}${exported.map(chapter).join('\n')}${others}`;
  });
  return `<!-- Written by \`npm run docs\`. Do not edit: change the comments in src/. -->

# API

Everything that a program may import; how it fits together is in [embedding.md](embedding.md). All else in the package may change
without a word. The settings in \`GatewayOptions\` are those of [configuration.md](configuration.md).

${parts.join('\n')}`;
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(SNAPSHOT, snapshot(entryPoints()));
  console.log('Read what changed before you commit it: git diff test/unit/docs/api.snapshot.txt');
}
