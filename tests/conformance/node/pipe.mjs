// What a test gives comes in as JSON, what it is told goes out as JSON.
import {readFileSync, writeSync} from 'node:fs';

export const given = JSON.parse(readFileSync(0, 'utf8'));
export const tell = (answer) => writeSync(1, JSON.stringify(answer));
