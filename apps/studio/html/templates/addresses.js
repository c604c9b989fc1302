// Each page has an address, and Back leads to the one before; each tab of the browser that works in a workspace is its own visit.
(() => {
  const store = Storage.prototype, KEY = 'adcreative-tab';
  for (const name of ['getItem', 'setItem', 'removeItem']) {
    const own = store[name];
    store[name] = function (key, ...rest) {
      return own.call(key === KEY ? window.sessionStorage : this, key, ...rest);
    };
  }
  const PAGES = ['make', 'ad', 'ads', 'many', 'account', 'settings'];
  const find = (page) => document.querySelector(`.tab-container [id="page-${page}-button"]`);
  const current = () => PAGES.find((page) => find(page)?.getAttribute('aria-selected') === 'true');
  const named = () => PAGES.find((page) => location.pathname.split('/').pop() === page);
  // a step that is done opens and closes; a button leads to another page, or to the field for facts
  document.addEventListener('click', ({target}) => {
    const place = target.closest('[data-go]')?.dataset.go;
    const fold = target.closest('.ac-unfold')?.closest('#step-ad, #improve-box') ?? (place === 'brief' && document.querySelector('#improve-box'));
    if (fold) {
      const isOpen = fold.toggleAttribute('data-open', place === 'brief' || undefined);
      fold.querySelector('.ac-unfold').setAttribute('aria-expanded', isOpen);
      if (place === 'brief') fold.querySelector('#brief textarea').focus();
    }
    else if (place) find(place)?.click();
  });
  let isReady = false;
  addEventListener('popstate', () => find(named() ?? 'make')?.click());
  new MutationObserver(() => {
    const page = current();
    if (!page) return;
    if (!isReady) {
      isReady = true;
      const wanted = named();
      if (wanted && wanted !== page) return void find(wanted).click();
    }
    if (named() !== page) {
      const place = location.pathname.replace(/[^/]*$/, page) + location.search;
      history[named() ? 'pushState' : 'replaceState']({}, '', place);
    }
  }).observe(document, {subtree: true, childList: true, attributeFilter: ['aria-selected']});
})();
