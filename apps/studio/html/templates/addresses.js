// Each page, ad, version and test has an address, and Back leads to the one before; each tab of the browser that works in a
// workspace is its own visit.
(() => {
  const store = Storage.prototype, KEY = 'adcreative-tab';
  for (const name of ['getItem', 'setItem', 'removeItem']) {
    const own = store[name];
    store[name] = function (key, ...rest) {
      return own.call(key === KEY ? window.sessionStorage : this, key, ...rest);
    };
  }
  const PAGES = ['make', 'ad', 'ads', 'many', 'account', 'tests', 'settings'];
  const find = (page) => document.querySelector(`.tab-container [id="page-${page}-button"]`);
  const current = () => PAGES.find((page) => find(page)?.getAttribute('aria-selected') === 'true');
  // what stands before the app, such as /tool of a proxy, and the page and thing in the address: /ads/ID/versions
  const [, before = '/', first, thing] = location.pathname.match(/^(.*?\/)(?:(make|ads?|many|account|tests|settings)(?:\/([0-9a-f]{16})(?:\/versions)?)?\/?)?$/) ?? [];
  const asked = thing ?? new URLSearchParams(location.search).get('open');
  const SHOWN = {ad: '#ad-bar [data-ad]', tests: '#test [data-test]'};
  const named = () => location.pathname.slice(before.length);
  window.adcreativeNamed = first ?? '';
  window.adcreativeWanted = (page) => (first === page && asked) || '';

  // the address of what is on the page now
  const place = () => {
    const page = current(), shown = document.querySelector(SHOWN[page] ?? 'nothing');
    if (page === 'ad' && shown) return `ads/${shown.dataset.ad}${document.querySelector('#page-ad:has(#results) #step-ad:not([data-open])') ? '/versions' : ''}`;
    return page === 'tests' && shown ? `tests/${shown.dataset.test}` : page;
  };
  const open = (page) => find(page === 'ads' && asked ? 'ad' : page)?.click();
  let isReady = false, isWaiting = asked;
  addEventListener('popstate', () => {
    const [page, one] = named().split('/');
    if (one && !place().startsWith(`${page}/${one}`)) return void location.reload();  // another ad, or another test
    document.querySelector('#step-ad')?.toggleAttribute('data-open', !named().endsWith('/versions'));
    if (!one && page === 'tests') {
      document.querySelector(SHOWN.tests)?.removeAttribute('data-test');
      document.querySelector('#tests-all')?.click();
    }
    find(one && page === 'ads' ? 'ad' : page || 'make')?.click();
  });
  new MutationObserver(() => {
    const page = current();
    if (!page) return;
    if (!isReady) {
      isReady = true;
      if (first && first !== page) return void open(first);
    }
    if (!document.querySelector('#results')) document.querySelectorAll('#page-ad [data-open]').forEach((one) => one.removeAttribute('data-open'));
    const wanted = place(), has = named();
    if (isWaiting && wanted === (first === 'ads' ? 'ad' : first)) return;  // what the address names is on its way
    const isNamed = has === 'ad' && wanted.startsWith('ads/');  // the ad on the page has an address from now on
    const change = !has || isNamed || isWaiting ? 'replaceState' : 'pushState';
    isWaiting = '';
    if (has !== wanted && !has.startsWith(`${wanted}/`)) history[change]({}, '', before + wanted);
  }).observe(document, {subtree: true, childList: true, attributeFilter: ['aria-selected']});

  // a step that is done opens and closes; a button leads to another page, or to the field for facts, or takes a doubtful headline
  document.addEventListener('click', ({target}) => {
    const guess = target.closest('[data-guess]'), headline = document.querySelector('#headline textarea');
    if (guess && headline) {
      headline.value = guess.dataset.guess;
      headline.dispatchEvent(new Event('input', {bubbles: true}));
      headline.focus();
      guess.parentElement.hidden = true;
      return void setTimeout(() => document.querySelector('#score-button').click(), 100);
    }
    const ad = target.closest('[data-open-ad]')?.dataset.openAd;
    if (ad) return void location.assign(`${before}ads/${ad}`);
    const place = target.closest('[data-go]')?.dataset.go;
    const field = ['brief', 'headline'].includes(place) && document.querySelector(`#${place} textarea`);
    const fold = (field || target.closest('.ac-unfold'))?.closest?.('#step-ad, #improve-box');
    if (!fold) return void (place && find(place)?.click());
    const isOpen = fold.toggleAttribute('data-open', field ? true : undefined);
    fold.querySelector('.ac-unfold').setAttribute('aria-expanded', isOpen);
    if (field) field.focus();
  });
})();
