// The shop's live forms come in, in #regulars-forms; each waits for its triggers. Only when one fires
// is the form's content fetched, with popup-form.js to draw it. Before that: no request, no storage.
(() => {
  if (window.regulars) return;
  const {
    renderer,
    styles,
    customer,
    proxy = '/apps/regulars',
    ...words
  } = document.currentScript.dataset;
  const { forms = [] } = JSON.parse(document.getElementById('regulars-forms')?.textContent || '{}');
  const touch = matchMedia('(hover: none)').matches;
  const small = matchMedia('(max-width: 640px)').matches;
  const rests = new Map(); // form id -> until when it stays away (ms)
  let open;

  const attempt = (touchStorage) => {
    try {
      return touchStorage();
    } catch {} // the browser blocks storage
  };

  // Shopify's Customer Privacy API answers. Offered but not loaded counts as no.
  const allowed = () => {
    const { customerPrivacy: privacy, loadFeatures } = window.Shopify ?? {};
    if (!privacy) return !loadFeatures;
    return privacy.marketingAllowed?.() && privacy.analyticsProcessingAllowed?.();
  };

  const loadPrivacy = () =>
    new Promise((done) => {
      const { customerPrivacy: privacy, loadFeatures } = window.Shopify ?? {};
      if (privacy?.marketingAllowed || !loadFeatures) return done();
      setTimeout(done, 2000);
      loadFeatures([{ name: 'consent-tracking-api', version: '0.1' }], done);
    });

  const cookie = (name) => {
    const found = document.cookie.match(`(?:^|; )${name}=([^;]+)`);
    return found && attempt(() => decodeURIComponent(found[1]));
  };

  // Shopify stopped setting _shopify_y in 2026; our web pixel leaves the same id for this tab.
  const browserId = () =>
    (allowed() &&
      !navigator.globalPrivacyControl &&
      (attempt(() => sessionStorage['regulars:browser']) || cookie('_shopify_y'))) ||
    null;

  const send = (path, body) =>
    fetch(`${proxy}/${path}`, {
      method: 'POST',
      keepalive: true,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });

  // Who is logged in, Shopify itself tells our server; once for each tab is enough.
  const identify = () => {
    const id = browserId();
    const known = attempt(() => sessionStorage['regulars:known']);
    if (!id || known === id) return;
    attempt(() => (sessionStorage['regulars:known'] = id));
    send('identify', { browser_id: id }).catch(() => {});
  };

  const keep = () =>
    rests.forEach((until, id) =>
      attempt(() => {
        if (allowed()) localStorage['regulars:' + id] = until;
        else delete localStorage['regulars:' + id];
      }),
    );
  document.addEventListener('visitorConsentCollected', () => {
    keep();
    if (!allowed()) attempt(() => delete sessionStorage['regulars:known']);
  });

  const rest = ({ id, triggers = [] }, submitted) => {
    const rule = (type) => triggers.find((trigger) => trigger.type === type);
    const { timeout_days = 5, days = timeout_days } =
      rule('after_close_or_submit_timeout')?.properties ?? {};
    const until = Date.now() + 864e5 * (submitted && rule('previously_submitted') ? 3650 : days);
    rests.set(id, Math.max(until, rests.get(id) ?? 0));
    keep();
  };

  const resting = ({ id }) => {
    const kept = allowed() && attempt(() => localStorage['regulars:' + id]);
    return Math.max(rests.get(id) ?? 0, kept || 0) > Date.now();
  };

  const show = async (form, automatic) => {
    if (open || (automatic && resting(form))) return;
    open = true;
    const { id, version } = form;
    const path = `forms/${encodeURIComponent(id)}`;
    const locale = document.documentElement.lang || navigator.language;
    const query = new URLSearchParams({ ...(version && { version }), locale });
    const post = (what, body) => send(`${path}/${what}`, body);
    try {
      const [answer, { draw }] = await Promise.all([
        fetch(`${proxy}/${path}?${query}`),
        import(renderer),
        loadPrivacy(),
      ]);
      // 204 and 404 are the server's "not for this shopper".
      if (answer.status !== 200 || (automatic && resting(form))) return;
      const content = await answer.json();
      await draw(content, {
        styles,
        words,
        small,
        view: () =>
          allowed() &&
          post('view', { version: content.version, browser_id: browserId() }).catch(() => {}),
        submit: (body) =>
          post('submit', {
            version: content.version,
            ...body,
            page: location.href,
            locale,
            country: window.Shopify?.country,
            browser_id: browserId(),
            cart_token: (allowed() && cookie('cart')?.split('?')[0]) || null,
          }),
        submitted: () => rest(form, true),
      });
      rest(form);
    } catch (error) {
      console.warn('regulars', error);
    } finally {
      open = false;
    }
  };

  // Klaviyo's triggers: a moment calls fire() when it has come, a condition must hold at the start.
  const onScroll = (signal, sample) => {
    let last = 0;
    const listen = () => {
      const ms = performance.now() - last;
      if (ms < 100) return;
      last += ms;
      const { scrollHeight, clientHeight } = document.documentElement;
      sample(scrollY / (scrollHeight - clientHeight || 1), ms);
    };
    addEventListener('scroll', listen, { passive: true, signal });
  };

  const moments = {
    // Never at load on a phone: search engines mark down a page that greets with a popup.
    delay: (fire, { seconds = 5 }) => setTimeout(fire, 1000 * Math.max(seconds, touch ? 3 : 0)),
    scroll_percentage: (fire, { percentage = 30 }, signal) =>
      onScroll(signal, (depth) => depth * 100 >= percentage && fire()),
    exit_intent: (fire, _, signal) => {
      let deepest = 0;
      let from = scrollY;
      const leaves = (event) => !event.relatedTarget && event.clientY <= 0 && fire();
      if (!touch) return document.addEventListener('mouseout', leaves, { signal });
      onScroll(signal, (depth, ms) => {
        deepest = Math.max(deepest, depth);
        if (deepest >= 0.5 && (from - scrollY) / ms > 1) fire(); // a flick up, px/ms
        from = scrollY;
      });
    },
  };

  const matches = (pattern) =>
    pattern.split('*').reduce((at, part) => {
      const found = at < 0 ? at : location.href.indexOf(part, at);
      return found < 0 ? found : found + part.length;
    }, 0) >= 0;

  const conditions = {
    device: ({ device = 'both' }) => device === 'both' || (device === 'mobile') === small,
    url_patterns: ({ allow_list: allow, deny_list: deny }) =>
      (!allow?.length || allow.some(matches)) && !deny?.some(matches),
  };

  const watch = (form) => {
    const rules = form.triggers ?? [];
    if (rules.some(({ type, properties }) => conditions[type]?.(properties ?? {}) === false)) return;
    const awaited = new Set(rules.filter(({ type }) => moments[type]));
    const stop = new AbortController();
    for (const rule of awaited) {
      const fire = () => {
        if (stop.signal.aborted || !awaited.delete(rule)) return;
        if (form.evaluation === 'all' && awaited.size) return;
        stop.abort();
        show(form, true);
      };
      moments[rule.type](fire, rule.properties ?? {}, stop.signal);
    }
  };

  window.regulars = {
    // An event of the merchant's: our web pixel hears it, where the shopper allows that.
    track: (name, properties = {}) =>
      void window.Shopify?.analytics?.publish(`regulars:${name}`, properties),
    identify,
    openForm: (id) => void show(forms.find((form) => form.id == id) ?? { id }),
  };
  (window.requestIdleCallback ?? setTimeout)(() => {
    if (customer) loadPrivacy().then(identify);
    forms.forEach(watch);
  });
})();
