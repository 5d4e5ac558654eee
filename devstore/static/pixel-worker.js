// Shopify's strict sandbox: a worker without a document, with the published web pixel API in it.
(() => {
  const subscribers = new Map(); // event name -> callbacks
  const privacySubscribers = [];
  const seen = [];
  const asked = new Map(); // question id -> resolve and reject
  let start;
  let questions = 0;

  const ask = (where, what, ...values) =>
    new Promise((resolve, reject) => {
      asked.set(++questions, { resolve, reject });
      postMessage({ id: questions, where, what, values });
    });
  const storage = (where) => ({
    getItem: (key) => ask(where, 'getItem', key),
    setItem: (key, value) => ask(where, 'setItem', key, value),
    removeItem: (key) => ask(where, 'removeItem', key),
    clear: () => ask(where, 'clear'),
  });
  const browser = {
    cookie: {
      get: (name) => ask('cookie', 'get', name),
      set: (...pair) => ask('cookie', 'set', ...pair),
    },
    localStorage: storage('localStorage'),
    sessionStorage: storage('sessionStorage'),
    sendBeacon: (url, body) => ask('sendBeacon', 'send', url, body),
  };
  const wanted = ({ name, type }) => [
    ...(subscribers.get(name) ?? []),
    ...(subscribers.get('all_events') ?? []),
    ...(subscribers.get(type === 'custom' ? 'all_custom_events' : 'all_standard_events') ?? []),
  ];
  const analytics = {
    // A late subscriber gets what went before, as on Shopify.
    subscribe(name, callback) {
      subscribers.set(name, [...(subscribers.get(name) ?? []), callback]);
      for (const event of seen) if (wanted(event).includes(callback)) callback(event);
      return Promise.resolve();
    },
  };
  const customerPrivacy = {
    subscribe: (_name, callback) => privacySubscribers.push(callback),
  };
  const run = (callback) =>
    callback({
      analytics,
      browser,
      customerPrivacy,
      init: start.init,
      settings: start.settings,
      _pixelInfo: { surfaceNext: 'strict' },
    });
  self.register = run;
  self.shopify = { extend: (point, callback) => point === 'WebPixel::Render' && run(callback) };

  self.onmessage = ({ data }) => {
    if (data.start) {
      start = data.start;
      importScripts(start.script);
    } else if (data.event) {
      seen.push(data.event);
      for (const callback of wanted(data.event)) callback(data.event);
    } else if (data.privacy) {
      for (const callback of privacySubscribers) callback({ customerPrivacy: data.privacy });
    } else {
      const question = asked.get(data.id);
      asked.delete(data.id);
      if (data.error) question?.reject(new Error(data.error));
      else question?.resolve(data.value);
    }
  };
})();
