// Shopify's customer events come in; batches go out to settings.endpoint. Nothing is sent without consent
// to analytics; each event says whether its shopper allows marketing too, and only then is an id kept
// for popup.js. No name, address, email or phone is sent ever.
//
// A classic script without imports, so that one file runs everywhere: Shopify's `register` only calls
// shopify.extend('WebPixel::Render', start), and a sandbox of our own may offer `register` itself.
(() => {
  const BATCH = 10;
  const WAIT_MS = 1000;
  const MOST_LINES = 50; // of a cart: the browser lets 64 KB out while a page is left
  const CLIENT_KEY = 'regulars:browser'; // read by popup.js: Shopify no longer sets _shopify_y

  const id = (gid) => (gid == null ? null : String(gid).split('/').pop().split('?')[0]);
  const amount = (money) => (money?.amount == null ? null : Number(money.amount));

  const item = (variant, quantity) => ({
    product_id: id(variant?.product?.id),
    variant_id: id(variant?.id),
    title: variant?.product?.title ?? null,
    variant_title: variant?.title ?? null,
    sku: variant?.sku ?? null,
    vendor: variant?.product?.vendor ?? null,
    product_type: variant?.product?.type ?? null,
    url: variant?.product?.url ?? null,
    image: variant?.image?.src ?? null,
    price: amount(variant?.price),
    currency: variant?.price?.currencyCode ?? null,
    quantity,
  });

  const cart = ({ cart }) => ({
    cart_token: id(cart?.id),
    total: amount(cart?.cost?.totalAmount),
    currency: cart?.cost?.totalAmount?.currencyCode ?? null,
    item_count: cart?.totalQuantity ?? null,
    items: (cart?.lines ?? [])
      .slice(0, MOST_LINES)
      .map(({ merchandise, quantity }) => item(merchandise, quantity)),
  });

  const cartLine = ({ cartLine: line }, shared) => ({
    cart_token: shared.cartToken,
    ...item(line?.merchandise, line?.quantity ?? 1),
    total: amount(line?.cost?.totalAmount),
  });

  const checkout = ({ checkout }) => ({
    checkout_token: checkout?.token ?? null,
    order_id: id(checkout?.order?.id),
    total: amount(checkout?.totalPrice),
    currency: checkout?.currencyCode ?? null, // webhooks tell what is in it
  });

  // The standard events of web pixels 2.18 that a shopper sets off, with what of their data is kept.
  const EVENTS = {
    page_viewed: () => ({}),
    product_viewed: ({ productVariant }) => item(productVariant, 1),
    collection_viewed: ({ collection }) => ({
      collection_id: id(collection?.id),
      title: collection?.title ?? null,
    }),
    search_submitted: ({ searchResult }) => ({ query: searchResult?.query ?? null }),
    cart_viewed: cart,
    product_added_to_cart: cartLine,
    product_removed_from_cart: cartLine,
    checkout_started: checkout,
    checkout_contact_info_submitted: checkout,
    checkout_address_info_submitted: checkout,
    checkout_shipping_info_submitted: checkout,
    payment_info_submitted: checkout,
    checkout_completed: checkout,
  };

  // What the merchant's pages tell us by Shopify.analytics.publish('regulars:Finished Quiz', {…}), which
  // is also what regulars.track does. Events of other apps are none of our business.
  const OURS = 'regulars:';
  const LARGEST = 30000; // characters of the same 64 KB

  // A page's next act is often to leave, and the sandbox dies with the page.
  const URGENT = /^(product_|checkout_|payment_|search_)(?!viewed)/;

  // Links in mails carry addresses and tokens; campaign tags and the variant are all we need.
  const address = (href) => {
    try {
      const url = new URL(href);
      const kept = [...url.searchParams].filter(([name]) => /^(utm_\w+|variant)$/.test(name));
      return url.origin + url.pathname + (kept.length ? `?${new URLSearchParams(kept)}` : '');
    } catch {
      return null;
    }
  };

  const start = ({ analytics, browser, init, settings, customerPrivacy }) => {
    const shared = { cartToken: id(init?.data?.cart?.id) };
    let allowed;
    let marketing;
    let queue = [];
    let timer = null;
    let client = null;
    const choose = (said) => {
      allowed = said?.analyticsProcessingAllowed === true;
      marketing = allowed && said?.marketingAllowed === true;
    };
    choose(init?.customerPrivacy);

    const flush = () => {
      clearTimeout(timer);
      timer = null;
      const events = queue.splice(0);
      if (!events.length) return;
      fetch(settings.endpoint, {
        method: 'POST',
        keepalive: true,
        headers: { 'Content-Type': 'text/plain' }, // no CORS preflight
        body: JSON.stringify({ shop: settings.accountID, events }),
      }).catch(() => {}); // a hint that is lost stays lost: webhooks carry what counts
    };

    const remember = (clientId) => {
      if (clientId === client) return;
      client = clientId;
      const store = browser?.sessionStorage;
      const kept = clientId ? store?.setItem(CLIENT_KEY, clientId) : store?.removeItem(CLIENT_KEY);
      Promise.resolve(kept).catch(() => {}); // storage may be blocked
    };

    const take = (event, said) => {
      if (!allowed) return;
      remember(marketing ? event.clientId : null);
      const { document: page } = event.context ?? {};
      queue.push({
        id: event.id,
        name: event.name,
        timestamp: event.timestamp,
        client_id: event.clientId,
        marketing,
        url: address(page?.location?.href),
        referrer: address(page?.referrer),
        title: page?.title ?? null,
        ...said,
      });
      if (queue.length >= BATCH || said.metric || URGENT.test(event.name)) flush();
      else timer ??= setTimeout(flush, WAIT_MS);
    };

    const takeNamed = (event) => {
      const data = event.customData ?? {};
      if (!event.name?.startsWith(OURS) || JSON.stringify(data).length > LARGEST) return;
      take(event, { name: 'custom', metric: event.name.slice(OURS.length), data });
    };

    customerPrivacy?.subscribe?.('visitorConsentCollected', (event) => {
      choose(event.customerPrivacy);
      if (!marketing) remember(null);
      if (!allowed) queue = [];
    });
    for (const [name, read] of Object.entries(EVENTS))
      analytics.subscribe(name, (event) => take(event, { data: read(event.data ?? {}, shared) }));
    analytics.subscribe('all_custom_events', takeNamed);
  };

  if (typeof register === 'function') register(start);
  else shopify.extend('WebPixel::Render', start);
})();
