// The page's side of the web pixel: starts the sandbox, hands it the page's events, and does for it
// what a worker cannot: cookies and storage.
(() => {
  const start = JSON.parse(document.getElementById('pixel-start').textContent);
  const worker = new Worker('/cdn/pixel-worker.js');
  const { location, navigator } = window;
  const plain = ({ href, hash, host, hostname, origin, pathname, port, protocol, search }) =>
    ({ href, hash, host, hostname, origin, pathname, port, protocol, search });
  const context = {
    document: {
      location: plain(location),
      referrer: document.referrer,
      characterSet: document.characterSet,
      title: document.title,
    },
    navigator: {
      language: navigator.language,
      languages: [...navigator.languages],
      cookieEnabled: navigator.cookieEnabled,
      userAgent: navigator.userAgent,
    },
    window: {
      innerHeight: window.innerHeight, innerWidth: window.innerWidth,
      outerHeight: window.outerHeight, outerWidth: window.outerWidth,
      pageXOffset: window.pageXOffset, pageYOffset: window.pageYOffset,
      scrollX: window.scrollX, scrollY: window.scrollY,
      origin: location.origin, location: plain(location),
      screen: { height: screen.height, width: screen.width },
    },
  };
  const allowed = () => {
    const load = (done) => window.Shopify.loadFeatures([{ name: 'consent-tracking-api' }], done);
    load();
    const privacy = window.Shopify.customerPrivacy;
    return {
      analyticsProcessingAllowed: privacy.analyticsProcessingAllowed(),
      marketingAllowed: privacy.marketingAllowed(),
      preferencesProcessingAllowed: privacy.preferencesProcessingAllowed(),
      saleOfDataAllowed: privacy.saleOfDataAllowed(),
    };
  };
  const cookie = {
    get: (name) =>
      decodeURIComponent(document.cookie.match(`(?:^|; )${name}=([^;]+)`)?.[1] ?? ''),
    set: (name, value) => {
      const pair = value === undefined ? name : `${name}=${encodeURIComponent(value)}`;
      document.cookie = `${pair}; path=/`;
    },
  };
  const reach = {
    cookie: (what, ...values) => cookie[what](...values),
    localStorage: (what, ...values) => localStorage[what](...values),
    sessionStorage: (what, ...values) => sessionStorage[what](...values),
    sendBeacon: (_what, url, body) => navigator.sendBeacon(url, body),
  };
  worker.onmessage = ({ data: { id, where, what, values } }) => {
    let value;
    try {
      value = reach[where](what, ...values);
    } catch (error) {
      return worker.postMessage({ id, error: String(error) });
    }
    worker.postMessage({ id, value: value ?? null });
  };
  document.addEventListener('visitorConsentCollected', () =>
    worker.postMessage({ privacy: allowed() }),
  );
  let seq = 0;
  const stamped = (event) => ({
    ...event,
    clientId: start.clientId,
    timestamp: new Date(Date.now() + start.ahead).toISOString(), // the shop's clock
    seq: seq++,
    context,
  });
  window.Shopify.analytics = {
    publish: (name, customData) =>
      worker.postMessage({
        event: stamped({ id: crypto.randomUUID(), name, type: 'custom', customData }),
      }),
  };
  worker.postMessage({
    start: {
      script: start.script,
      settings: start.settings,
      init: {
        context,
        data: { customer: null, cart: start.cart, shop: start.shop, purchasingCompany: null },
        customerPrivacy: allowed(),
      },
    },
  });
  for (const event of start.events) worker.postMessage({ event: stamped(event) });
})();
