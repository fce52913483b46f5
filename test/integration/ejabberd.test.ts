import { ejabberdProgram, startEjabberd } from '../support/ejabberd.ts';
import { skipWithout } from '../support/real-server.ts';
import { testClients } from './client-cases.ts';

testClients('ejabberd', skipWithout(ejabberdProgram), startEjabberd);
