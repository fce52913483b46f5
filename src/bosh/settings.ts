import type { SessionSettings } from '../session/context.ts';
import type { ActivitySettings } from './activity.ts';

/** What one session needs to know of the configuration. */
export interface BoshSessionSettings extends SessionSettings, ActivitySettings {
  readonly creationWaitSeconds: number;
  readonly firstRequestSeconds: number;
  readonly maxResponseBytes: number;
  readonly maxReplayBytes: number;
  readonly maxStreamsPerSession: number;
}
