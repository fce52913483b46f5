import { costOf, faultsOf, type Sample } from './bench.ts';

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** What a scenario is about, and in what it is told. */
interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly digits: number;
  readonly of: (sample: Sample) => number | undefined;
}

const CPU: Figure = { name: 'CPU', unit: 'µs', digits: 1, of: costOf };
const LATE: Figure = {
  name: 'event loop p99',
  unit: 'ms',
  digits: 1,
  of: ({ probe }) => probe?.delayP99,
};
const PSS: Figure = {
  name: 'PSS a session',
  unit: 'KiB',
  digits: 1,
  of: ({ pssKiB, sessions }) => pssKiB / sessions,
};
const HEAP: Figure = {
  name: 'heap a session',
  unit: 'KiB',
  digits: 1,
  of: ({ probe, sessions }) => (probe?.heapKiB === undefined ? undefined : probe.heapKiB / sessions),
};
const RATE: Figure = {
  name: 'a second',
  unit: '',
  digits: 0,
  of: ({ count, elapsedMs }) => (1000 * count) / elapsedMs,
};
const REQUESTS: Figure = { name: 'requests', unit: '', digits: 2, of: ({ requests, count }) => requests / count };
const delay = (which: 'p50' | 'p99'): Figure => ({
  name: which,
  unit: 'ms',
  digits: 1,
  of: (sample) => sample[which],
});

function figuresOf(scenario: string): readonly Figure[] {
  const kind = scenario.replace(/-\d+$/, '');
  switch (kind) {
    case 'idle':
      return [PSS, HEAP];
    case 'fixed':
      return [CPU, delay('p50'), delay('p99'), LATE, REQUESTS];
    case 'scale':
      return [CPU, PSS, delay('p99'), LATE];
    case 'login':
    case 'storm':
      return [CPU, RATE, LATE];
    default:
      return [CPU, RATE, LATE, REQUESTS];
  }
}

/** The ratio of one target to another in each round that has both: median, and the least and the greatest. */
export function ratioOf(
  own: readonly Sample[],
  other: readonly Sample[],
  of: Figure['of'],
): { readonly median: number; readonly least: number; readonly most: number } | undefined {
  const ratios: number[] = [];
  for (const sample of own) {
    const counterpart = other.find(({ round }) => round === sample.round);
    const [value, base] = [of(sample), counterpart === undefined ? undefined : of(counterpart)];
    if (value !== undefined && base !== undefined && base > 0) ratios.push(value / base);
  }
  if (ratios.length === 0) return undefined;
  return { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) };
}

function show(samples: readonly Sample[], { of, unit, digits }: Figure): string {
  const values = samples.map((sample) => of(sample)).filter((value) => value !== undefined);
  if (values.length === 0) return '';
  return `${median(values).toFixed(digits)}${unit === '' ? '' : ` ${unit}`}`;
}

/** A table in Markdown for each scenario: medians of the rounds, and the first figure as a ratio to the floor's. */
export function report(samples: readonly Sample[]): string {
  const blocks: string[] = [];
  for (const scenario of new Set(samples.map((sample) => sample.scenario))) {
    const figures = figuresOf(scenario);
    const [main] = figures;
    if (main === undefined) continue;
    const ours = samples.filter((sample) => sample.scenario === scenario);
    const lines = [
      ['', ...figures.map(({ name }) => name), `${main.name}: ratio to the relay (least–most)`, 'faults'],
      ['---', ...figures.map(() => '---:'), '---:', '---'],
    ];
    for (const transport of new Set(ours.map((sample) => sample.transport))) {
      const here = ours.filter((sample) => sample.transport === transport);
      const floor = here.filter(({ isFloor }) => isFloor);
      for (const target of new Set(here.map((sample) => sample.target))) {
        const own = here.filter((sample) => sample.target === target);
        const ratio = ratioOf(own, floor, main.of);
        const isFloor = own[0]?.isFloor === true;
        lines.push([
          `${transport === 'tcp' || isFloor ? '' : `${transport} `}${target}`,
          ...figures.map((figure) => show(own, figure)),
          ratio === undefined || isFloor
            ? ''
            : `${ratio.median.toFixed(2)} (${ratio.least.toFixed(2)}–${ratio.most.toFixed(2)})`,
          [...new Set(own.flatMap(faultsOf))].join('; ') || 'none',
        ]);
      }
    }
    const rows = lines.map((cells) => `| ${cells.join(' | ')} |`);
    const unit = main === PSS ? '' : ` a ${ours[0]?.unit}`;
    blocks.push(`### ${scenario}: ${main.name}${unit}\n\n${rows.join('\n')}`);
  }
  return blocks.join('\n\n');
}
