import { readFileSync, readdirSync } from 'node:fs';

/** The ticks in which Linux counts: sysconf(_SC_CLK_TCK), 100 everywhere that Node runs. */
const MS_PER_TICK = 10;

/** The fields of /proc/PID/stat from the state on; undefined where the process is gone. */
function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name stands in brackets, and may hold anything.
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** The process and all that it has started. */
function familyOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = Number(statOf(Number(name))?.[1] ?? 0);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const family = [pid];
  for (const member of family) family.push(...(children.get(member) ?? []));
  return family;
}

/** CPU time (user and system) of a process, all its threads and its children, dead ones too, in milliseconds. */
export function cpuMsOf(pid: number): number {
  let ticks = 0;
  for (const member of familyOf(pid)) {
    // utime, stime, and those of children that have been waited for.
    for (const field of statOf(member)?.slice(11, 15) ?? []) ticks += Number(field);
  }
  return ticks * MS_PER_TICK;
}

/** Proportional set size of a process and its children, in KiB. */
export function pssKiBOf(pid: number): number {
  let kib = 0;
  for (const member of familyOf(pid)) {
    try {
      const rollup = readFileSync(`/proc/${member}/smaps_rollup`, 'latin1');
      kib += Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0);
    } catch {
      // It has ended since.
    }
  }
  return kib;
}
