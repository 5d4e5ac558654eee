// In: where our server is and its secrets. Out: how it answers requests that Shopify's own code signed.
import '@shopify/shopify-api/adapters/node';
import {RequestType, getHmac, getJwt, setUpValidRequest} from '@shopify/shopify-api/test-helpers';
import {given, tell} from './pipe.mjs';

const {url, store, apiKey, apiSecretKey, page, webhook, proxy} = given;
const wrong = 'a secret that is not ours, of the usual length';
const shop = `${store}.myshopify.com`;
const answers = {};

const ask = async (name, request) => {
  const answer = await fetch(request, {redirect: 'manual', signal: AbortSignal.timeout(30_000)});
  await answer.arrayBuffer();
  answers[name] = {status: answer.status, headers: Object.fromEntries(answer.headers)};
};

const body = {id: 1, email: 'zoë@example.com', updated_at: '2026-11-21T12:00:00Z'};
const headers = (id) => ({
  'X-Shopify-Topic': 'customers/update',
  'X-Shopify-Webhook-Id': id,
  'X-Shopify-API-Version': '2026-10',
  'X-Shopify-Triggered-At': '2026-11-21T12:00:00.000000000Z',
});
const delivery = (id, secret) =>
  setUpValidRequest(
    {type: RequestType.Extension, store, apiSecretKey: secret, body, headers: headers(id)},
    new Request(url + webhook, {method: 'POST'}),
  );
await ask('webhook', await delivery('w-1', apiSecretKey));
await ask('webhook again', await delivery('w-1', apiSecretKey));
await ask('webhook, wrong secret', await delivery('w-2', wrong));
const unsigned = await delivery('w-3', apiSecretKey);
unsigned.headers.delete('X-Shopify-Hmac-Sha256');
await ask('webhook, no signature', unsigned);
const signature = getHmac(JSON.stringify(body), apiSecretKey);
const altered = {method: 'POST', body: JSON.stringify({...body, id: 2})};
altered.headers = {...headers('w-4'), 'X-Shopify-Hmac-Sha256': signature, 'X-Shopify-Shop-Domain': shop};
await ask('webhook, another body', new Request(url + webhook, altered));

const storefront = (secret) =>
  setUpValidRequest(
    {type: RequestType.Public, store, apiSecretKey: secret},
    new Request(`${url}${proxy}?locale=zh-CN&path_prefix=%2Fapps%2Fregulars&logged_in_customer_id=`),
  );
const signed = await storefront(apiSecretKey);
await ask('proxy', signed);
await ask('proxy, wrong secret', await storefront(wrong));
await ask('proxy, a parameter more', new Request(`${signed.url}&a=1`));
await ask('proxy, not signed', new Request(`${url}${proxy}?shop=${shop}`));

// The helper's own tokens have an issuer without https:, which real ones have.
const real = {iss: `https://${shop}/admin`};
const token = async (secret, changes = {}) =>
  (await getJwt(store, apiKey, secret, {...real, ...changes})).token;
const now = Math.floor(Date.now() / 1000);
const opened = (id) => new Request(`${url}${page}?embedded=1&shop=${shop}&id_token=${id}`);
await ask('document', opened(await token(apiSecretKey)));
await ask('document, wrong secret', opened(await token(wrong)));
await ask('document, stale', opened(await token(apiSecretKey, {exp: now - 11})));
await ask('document, no token', new Request(`${url}${page}?embedded=1&shop=${shop}`));
await ask('document, as the helper has it', await setUpValidRequest(
  {type: RequestType.Admin, store, apiKey, apiSecretKey}, new Request(url + page)));

const fetched = (id) => new Request(url + page, {headers: {Authorization: `Bearer ${id}`}});
await ask('fetch', fetched(await token(apiSecretKey)));
await ask('fetch, wrong secret', fetched(await token(wrong)));
await ask('fetch, another app', fetched(await token(apiSecretKey, {aud: 'another'})));
await ask('fetch, another shop as issuer',
  fetched(await token(apiSecretKey, {iss: 'https://other.myshopify.com/admin'})));

tell(answers);
