// The peer: nodemailer over a pool of connections, liquidjs for what is personal. It reads what to
// send from the file of its first argument, and prints the CPU that a mail took, without its start.

import { readFileSync } from 'node:fs';
import { Liquid } from 'liquidjs';
import nodemailer from 'nodemailer';

const asked = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const engine = new Liquid();
const html = engine.parse(asked.html);
const text = engine.parse(asked.text);
const pool = nodemailer.createTransport({
  host: '127.0.0.1',
  port: asked.port,
  ignoreTLS: true,
  pool: true,
  maxConnections: asked.connections,
  maxMessages: Infinity,
  dkim: asked.dkim ?? undefined,
});

async function send(first, count) {
  let next = first;
  const one = async () => {
    while (next < first + count) {
      const number = next++;
      const about = {
        name: `Maya ${number}`,
        links: asked.links.map((link) => `${link}${number}`),
        lines: asked.lines,
      };
      await pool.sendMail({
        from: asked.from,
        to: `shopper-${number}@example.com`,
        subject: asked.subject,
        html: engine.renderSync(html, about),
        text: engine.renderSync(text, about),
        list: { unsubscribe: { url: about.links[0] } },
        textEncoding: 'base64',
      });
    }
  };
  // More are ready than there are connections, so that none is idle.
  await Promise.all(Array.from({ length: asked.connections * 2 }, one));
}

await send(0, asked.warmup);
const before = process.cpuUsage();
await send(asked.warmup, asked.mails);
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ us: (user + system) / asked.mails }));
pool.close();
