// In: our pixel's source. Out: which events it subscribes to and which fields of what it is given it
// reads, once the published package has registered it.
import vm from 'node:vm';
import {register} from '@shopify/web-pixels-extension';
import {given, tell} from './pipe.mjs';

const read = {};
const posts = [];
const points = [];

// Answers every question and keeps the path; a list is asked for by its `map`, or a `slice` of it.
const recorder = (into, path = []) =>
  new Proxy({}, {
    get(_, name) {
      if (name === Symbol.toPrimitive) return () => '';
      if (typeof name === 'symbol' || name === 'toJSON') return undefined;
      if (name === 'map') return (each) => [each(recorder(into, [...path, '0']))];
      if (name === 'slice') return () => recorder(into, path);
      into.add([...path, name].join('.'));
      return recorder(into, [...path, name]);
    },
  });
const reads = (name) => (read[name] ??= new Set());

const listeners = {};
const api = {
  settings: {accountID: 'dewpoint.myshopify.com', endpoint: 'https://app.example/pixel'},
  init: new Proxy({}, {get: (_, name) => name === 'customerPrivacy'
    ? {analyticsProcessingAllowed: true}
    : recorder(reads('init'))[name]}),
  browser: {sessionStorage: {setItem: async () => {}, removeItem: async () => {}}},
  analytics: {subscribe: (name, listener) => (listeners[name] = listener)},
  customerPrivacy: {subscribe: (name, listener) => (listeners[name] = listener)},
};

globalThis.shopify = {extend: (point, start) => { points.push(point); start(api); }};
globalThis.register = register;
globalThis.fetch = async (url, {body}) => { posts.push(JSON.parse(body)); };
vm.runInThisContext(given.source);

const privacy = 'visitorConsentCollected';
for (const [name, listener] of Object.entries(listeners)) {
  if (name !== privacy) listener(new Proxy({}, {get: (_, key) => {
    if (key === 'name') return name === 'all_custom_events' ? 'regulars:Finished Quiz' : name;
    return recorder(reads(name))[key];
  }}));
}
await new Promise((done) => setTimeout(done, 1100));
listeners[privacy](recorder(reads(privacy)));

tell({
  points,
  posted: posts.flatMap(({events}) => events).length,
  read: Object.fromEntries(Object.entries(read).map(([name, paths]) => [name, [...paths]])),
});
