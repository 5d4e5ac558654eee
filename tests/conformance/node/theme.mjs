// In: a theme app extension's folder. Out: what Shopify's theme check finds in it.
import {writeFileSync} from 'node:fs';
import {themeCheckRun} from '@shopify/theme-check-node';
import {given, tell} from './pipe.mjs';

writeFileSync(given.config, 'extends: theme-check:theme-app-extension\n');
console.log = console.error; // it speaks of documents that it would rather download
const {offenses, theme} = await themeCheckRun(given.folder, given.config);
tell({
  files: theme.map(({uri}) => uri.split('/').slice(-2).join('/')),
  offenses: offenses.map(({check, message, uri}) => `${uri.split('/').pop()}: ${check}: ${message}`),
});
