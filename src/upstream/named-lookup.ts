import { GatewayError, reasonOf } from '../core/errors.ts';
import type { Lookup, StreamRequest, Target } from '../core/ports.ts';

/** A lookup that somebody else has written: what goes wrong in it is said to be its fault. */
export class NamedLookup implements Lookup {
  readonly #lookup: Lookup;

  constructor(lookup: Lookup) {
    this.#lookup = lookup;
  }

  async *targets(request: StreamRequest, signal: AbortSignal): AsyncIterable<Target> {
    try {
      yield* this.#lookup.targets(request, signal);
    } catch (error) {
      if (error instanceof GatewayError || signal.aborted) throw error;
      throw new GatewayError('plug-fault', `the lookup failed: ${reasonOf(error)}`, { cause: error });
    }
  }
}
