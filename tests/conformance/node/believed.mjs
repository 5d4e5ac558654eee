// In: what the dev store signed. Out: whether Shopify's own library believes it.
import '@shopify/shopify-api/adapters/web-api';
import {ApiVersion, LogSeverity, shopifyApi} from '@shopify/shopify-api';
import {given, tell} from './pipe.mjs';

const {apiKey, apiSecretKey, webhooks, proxy, query, token} = given;
const shopify = shopifyApi({
  apiKey,
  apiSecretKey,
  scopes: [],
  hostName: 'app.example',
  hostScheme: 'https',
  apiVersion: ApiVersion.October26,
  isEmbeddedApp: true,
  isTesting: true,
  userAgentPrefix: 'regulars',
  logger: {level: LogSeverity.Error, log: () => {}},
});
const valid = async (made) => {
  try {
    return await made();
  } catch (error) {
    return `${error.constructor.name}: ${error.message}`;
  }
};

tell({
  webhooks: await Promise.all(webhooks.map(({headers, body}) =>
    valid(() => shopify.webhooks.validate({
      rawBody: body,
      rawRequest: new Request('https://app.example/webhooks/shopify', {method: 'POST', headers, body}),
    })))),
  proxy: await valid(() => shopify.utils.validateHmac(proxy, {signator: 'appProxy'})),
  query: await valid(() => shopify.utils.validateHmac(query)),
  token: await valid(() => shopify.session.decodeSessionToken(token)),
});
