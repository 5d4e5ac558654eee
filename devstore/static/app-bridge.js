// App Bridge as far as our pages use it. The admin around us is where this script came from.
(() => {
  const script = document.currentScript;
  const meta = document.querySelector('meta[name="shopify-api-key"]');
  const home = new URL(script.src);
  // 127.0.0.1 and localhost are one machine: a merchant may have typed either.
  const origins = ['127.0.0.1', 'localhost'].includes(home.hostname)
    ? ['127.0.0.1', 'localhost'].map((host) => `${home.protocol}//${host}:${home.port}`)
    : [home.origin];
  const around = location.ancestorOrigins?.[0];
  const admin = origins.includes(around) ? around : home.origin;
  const embedded = window.parent !== window;
  const given = new URLSearchParams(location.search);
  const asked = new Map();
  let questions = 0;

  const remembered = (name) => {
    const key = `shopify-${name}`;
    const value = given.get(name);
    try {
      if (value) sessionStorage.setItem(key, value);
      return value ?? sessionStorage.getItem(key) ?? undefined;
    } catch {
      return value ?? undefined;
    }
  };
  const tell = (what, rest = {}) =>
    embedded && window.parent.postMessage({ shopify: what, ...rest }, admin);
  const ask = (what) =>
    new Promise((resolve, reject) => {
      if (!embedded) return reject(new Error('Not inside the admin.'));
      const id = ++questions;
      asked.set(id, resolve);
      setTimeout(() => asked.delete(id) && reject(new Error(`${what}: no answer.`)), 10_000);
      tell(what, { id });
    });

  const shopify = (window.shopify = {
    config: {
      apiKey: script.dataset.apiKey ?? meta?.content,
      shop: remembered('shop'),
      host: remembered('host'),
      locale: remembered('locale') ?? 'en',
    },
    environment: { embedded, mobile: false, pos: false },
    ready: Promise.resolve(),
    idToken: () => ask('idToken'),
    toast: {
      show(message, { isError, duration } = {}) {
        tell('toast', { message, error: isError, duration });
        return String(++questions);
      },
      hide() {},
    },
    loading: (on = true) => tell('loading', { on }),
    saveBar: {
      show: async () => tell('saveBar', { on: true }),
      hide: async () => tell('saveBar', { on: false }),
    },
  });

  addEventListener('message', ({ source, origin, data }) => {
    if (source !== window.parent || !origins.includes(origin)) return;
    if (data?.shopify === 'answer') {
      asked.get(data.id)?.(data.value);
      asked.delete(data.id);
    }
    const form = document.querySelector('form[data-save-bar][data-unsaved]');
    if (data?.shopify === 'save') form?.requestSubmit();
    if (data?.shopify === 'discard') form?.reset();
  });

  // The bounce page: its whole work is to come back with a token.
  const reload = given.get('shopify-reload');
  if (reload) {
    const url = new URL(reload, location.origin);
    if (url.origin === location.origin)
      shopify.idToken().then((token) => {
        url.searchParams.set('id_token', token);
        location.replace(url);
      });
    return;
  }

  const plainFetch = window.fetch.bind(window);
  window.fetch = async (input, init) => {
    const request = new Request(input, init);
    const ours = new URL(request.url).origin === location.origin;
    if (!ours || !embedded || request.headers.has('Authorization')) return plainFetch(request);
    const signed = async (one) => {
      one.headers.set('Authorization', `Bearer ${await shopify.idToken()}`);
      return plainFetch(one);
    };
    const again = request.clone();
    const answer = await signed(request);
    const stale =
      answer.status === 401 && answer.headers.has('X-Shopify-Retry-Invalid-Session-Request');
    return stale ? signed(again) : answer;
  };

  const OURS = ['embedded', 'hmac', 'host', 'id_token', 'locale', 'session', 'shop', 'timestamp'];
  const here = () => {
    const search = new URLSearchParams(location.search);
    for (const name of OURS) search.delete(name);
    const rest = search.toString();
    tell('location', { path: location.pathname + (rest && `?${rest}`) });
  };
  for (const name of ['pushState', 'replaceState']) {
    const plain = history[name].bind(history);
    history[name] = (...values) => {
      plain(...values);
      here();
    };
  }
  addEventListener('popstate', here);
  const unsaved = (form, on) => {
    form.toggleAttribute('data-unsaved', on);
    tell('saveBar', { on });
  };
  document.addEventListener('input', ({ target }) => {
    const form = target.closest?.('form[data-save-bar]');
    if (form) unsaved(form, true);
  });
  for (const name of ['submit', 'reset'])
    document.addEventListener(name, ({ target }) => {
      if (target.matches?.('form[data-save-bar]')) unsaved(target, false);
    });
  document.addEventListener('click', (event) => {
    const link = event.target.closest?.('a[href^="shopify://admin"], a[href^="shopify:admin"]');
    if (!link) return;
    event.preventDefault();
    tell('open', { path: link.getAttribute('href').replace(/^shopify:(\/\/)?admin/, '/admin') });
  });

  const present = () => {
    here();
    const links = document.querySelectorAll('ui-nav-menu a, s-app-nav a, s-app-nav s-link');
    for (const menu of document.querySelectorAll('ui-nav-menu, s-app-nav')) menu.hidden = true;
    const items = [...links].filter((link) => link.getAttribute('rel') !== 'home');
    if (links.length)
      tell('nav', {
        items: items.map((link) => {
          const { pathname, search } = new URL(link.getAttribute('href'), location.href);
          return { path: pathname + search, label: link.textContent.trim() };
        }),
      });
    const bar = document.querySelector('ui-title-bar, s-page');
    const text = bar?.getAttribute('title') ?? bar?.getAttribute('heading');
    if (text) tell('title', { text });
  };
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', present);
  else present();
})();
