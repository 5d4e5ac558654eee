// The admin's side of App Bridge: answers the app's page in the frame, and nobody else.
(() => {
  const frame = document.getElementById('app');
  const { origin, base, locale } = frame.dataset;
  const nav = document.getElementById('app-nav');
  const loading = document.getElementById('loading');
  const unsaved = document.getElementById('unsaved');
  const title = document.getElementById('app-title');
  const query = locale === 'en' ? '' : `locale=${encodeURIComponent(locale)}`;
  const join = (path) => (query ? path + (path.includes('?') ? '&' : '?') + query : path);
  const tell = (message) => frame.contentWindow.postMessage(message, origin);

  const go = async (path) => {
    loading.hidden = false;
    const [pathname, search = ''] = path.split('?');
    const asked = new URLSearchParams(search);
    asked.set('path', pathname);
    asked.set('locale', locale);
    const { url } = await fetch(`${base}/frame-url?${asked}`).then((answer) => answer.json());
    frame.src = url;
  };

  const mark = (path) => {
    const here = path.split('?')[0];
    for (const link of nav.children) {
      const own = link.dataset.path.split('?')[0];
      link.ariaCurrent = here === own || here.startsWith(`${own}/`) ? 'page' : null;
    }
  };

  const answers = {
    async idToken({ id }) {
      const answer = await fetch('/admin/session-token', { method: 'POST' });
      const { token } = await answer.json();
      tell({ shopify: 'answer', id, value: token });
    },
    toast({ message, error, duration = 5000 }) {
      const line = document.createElement('p');
      line.textContent = message;
      line.classList.toggle('error', Boolean(error));
      document.getElementById('toasts').append(line);
      setTimeout(() => line.remove(), duration);
    },
    loading({ on }) {
      loading.hidden = !on;
    },
    title({ text }) {
      title.textContent = text;
      document.title = text;
    },
    saveBar({ on }) {
      unsaved.hidden = !on;
    },
    nav({ items }) {
      nav.replaceChildren(
        ...items.map(({ path, label }) => {
          const link = document.createElement('a');
          link.href = join(base + path);
          link.textContent = label;
          link.dataset.path = path;
          return link;
        }),
      );
      mark(location.pathname.slice(base.length) || '/');
    },
    location({ path }) {
      history.replaceState(null, '', join(base + (path === '/' ? '' : path)));
      loading.hidden = true;
      unsaved.hidden = true;
      mark(path);
    },
    open({ path }) {
      location.assign(path);
    },
  };

  addEventListener('message', ({ source, origin: from, data }) => {
    if (source !== frame.contentWindow || from !== origin) return;
    if (Object.hasOwn(answers, data?.shopify)) answers[data.shopify](data);
  });
  nav.addEventListener('click', (event) => {
    const link = event.target.closest('a');
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    go(link.dataset.path);
  });
  unsaved.addEventListener('click', ({ target }) => {
    if (target.dataset.act) tell({ shopify: target.dataset.act });
  });
  frame.addEventListener('load', () => {
    loading.hidden = true;
  });
})();
