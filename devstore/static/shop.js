// The theme's own script: the size picker, and Shopify's global with the Customer Privacy API.
(() => {
  const { shop, currency } = document.currentScript.dataset;
  const KEY = '_tracking_consent';
  const ALL = { analytics: true, marketing: true, preferences: true, sale_of_data: true };
  const kept = () => {
    const found = document.cookie.match(`(?:^|; )${KEY}=([^;]+)`);
    try {
      return found ? { ...ALL, ...JSON.parse(decodeURIComponent(found[1])) } : ALL;
    } catch {
      return ALL;
    }
  };
  // The shop is in a place where visitors are asked nothing before they are counted.
  const customerPrivacy = {
    currentVisitorConsent: kept,
    analyticsProcessingAllowed: () => kept().analytics,
    marketingAllowed: () => kept().marketing,
    preferencesProcessingAllowed: () => kept().preferences,
    saleOfDataAllowed: () => kept().sale_of_data,
    shouldShowBanner: () => false,
    setTrackingConsent(consent, done) {
      const value = encodeURIComponent(JSON.stringify({ ...kept(), ...consent }));
      document.cookie = `${KEY}=${value}; path=/; max-age=31536000; samesite=lax`;
      const detail = {
        analyticsAllowed: kept().analytics,
        marketingAllowed: kept().marketing,
        preferencesAllowed: kept().preferences,
        saleOfDataAllowed: kept().sale_of_data,
      };
      document.dispatchEvent(new CustomEvent('visitorConsentCollected', { detail }));
      done?.();
    },
  };
  window.Shopify = {
    shop,
    locale: 'en',
    currency: { active: currency, rate: '1.0' },
    routes: { root: '/' },
    loadFeatures(_features, done) {
      window.Shopify.customerPrivacy = customerPrivacy;
      done?.();
    },
  };

  document.addEventListener('change', ({ target }) => {
    if (!target.matches('.sizes input')) return;
    const { price, was, stock } = target.dataset;
    const shown = document.querySelector('p[data-price]');
    shown.innerHTML = '<span></span> <s></s>';
    shown.querySelector('span').textContent = price;
    shown.querySelector('s').textContent = was;
    document.querySelector('p[data-stock]').textContent =
      Number(stock) < 25 ? `Only ${stock} left` : 'In stock, ships tomorrow';
  });
})();
