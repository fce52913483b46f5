import { prosodyProgram, startProsody } from '../support/prosody.ts';
import { skipWithout } from '../support/real-server.ts';
import { testClients } from './client-cases.ts';

testClients('Prosody', skipWithout(prosodyProgram), startProsody);
