// The peer: Shopify's official library takes the delivery in, express answers, SQLite keeps it.
// Node's own SQLite, so that nothing has to be compiled; WAL and a full sync for each commit, as ours.

import { DatabaseSync } from 'node:sqlite';
import '@shopify/shopify-api/adapters/node';
import { LogSeverity, shopifyApi } from '@shopify/shopify-api';
import express from 'express';

const { PORT, DATABASE, SECRET } = process.env;

const shopify = shopifyApi({
  apiKey: 'benchmark',
  apiSecretKey: SECRET,
  apiVersion: '2026-10',
  hostName: '127.0.0.1',
  isEmbeddedApp: true,
  logger: { level: LogSeverity.Error },
});

const database = new DatabaseSync(DATABASE);
database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL');
database.exec(`CREATE TABLE delivery (
  shop TEXT NOT NULL, webhook_id TEXT NOT NULL, topic TEXT NOT NULL, api_version TEXT NOT NULL,
  triggered_at TEXT NOT NULL, received_at TEXT NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (shop, webhook_id))`);
const is = (pragma) => Object.values(database.prepare(`PRAGMA ${pragma}`).get())[0];
if (is('journal_mode') !== 'wal' || is('synchronous') !== 2) throw new Error('not as durable as ours');
const keep = database.prepare('INSERT OR IGNORE INTO delivery VALUES (?, ?, ?, ?, ?, ?, ?)');

const app = express();
app.disable('x-powered-by');
app.set('etag', false);
app.post('/webhooks/shopify', express.text({ type: '*/*', limit: '6mb' }), async (req, res) => {
  const found = await shopify.webhooks.validate({
    rawBody: req.body,
    rawRequest: req,
    rawResponse: res,
  });
  if (!found.valid) return res.status(401).end();
  const now = new Date().toISOString();
  keep.run(
    found.domain, found.webhookId, found.topic, found.apiVersion, found.triggeredAt ?? '', now,
    req.body,
  );
  return res.status(200).end();
});
app.listen(Number(PORT), '127.0.0.1');
