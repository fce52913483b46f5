import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const TOP = 40;
const IDLE = new Set(['(idle)', '(root)']);

/** Where the gateway's time went, by function, of all profiles in a folder. */
export async function topFunctions(folder: string): Promise<string> {
  const times = new Map<string, number>();
  let busy = 0;
  for (const file of await readdir(folder)) {
    if (!file.endsWith('.cpuprofile')) continue;
    const { nodes, samples, timeDeltas } = JSON.parse(await readFile(join(folder, file), 'utf8')) as Profile;
    const names = new Map(
      nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
        const place = url.replace(/^.*\/(dist|node_modules)\//, '$1/').replace(/^node:internal\//, 'node:');
        const name = functionName === '' ? '(anonymous)' : functionName;
        return [id, url === '' ? name : `${name} ${place}:${lineNumber + 1}`] as const;
      }),
    );
    samples.forEach((id, index) => {
      const name = names.get(id) ?? '';
      if (IDLE.has(name)) return;
      const time = timeDeltas[index] ?? 0;
      busy += time;
      times.set(name, (times.get(name) ?? 0) + time);
    });
  }
  const sorted = [...times].sort(([, a], [, b]) => b - a).slice(0, TOP);
  return sorted.map(([name, time]) => `${((100 * time) / busy).toFixed(1).padStart(5)} %  ${name}`).join('\n');
}
