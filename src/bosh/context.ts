import type { GatewayContext } from '../session/context.ts';
import type { LastWords } from './last-words.ts';

/** What all BOSH sessions of one gateway share. */
export interface BoshContext extends GatewayContext {
  readonly lastWords: LastWords;
}
