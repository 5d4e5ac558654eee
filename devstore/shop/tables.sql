-- The rows of one shop: JSON documents with the few keys by which they are found.
create table if not exists setting (key text primary key, value text not null);
create table if not exists product (id integer primary key, handle text unique not null, body text not null);
create table if not exists collection (id integer primary key, handle text unique not null, body text not null);
create table if not exists level (
  item_id integer not null, location_id integer not null, available integer, updated_at text not null,
  primary key (item_id, location_id));
create table if not exists contract (id integer primary key, body text not null);
create table if not exists cart (token text primary key, body text not null);
create table if not exists checkout (
  token text primary key, cart_token text, order_id integer, updated_at text not null, body text not null);
create index if not exists checkout_cart on checkout (cart_token);
create table if not exists customer (
  id integer primary key, email text unique collate nocase, phone text, body text not null);
create index if not exists customer_phone on customer (phone);
create table if not exists orders (
  id integer primary key, token text unique not null, customer_id integer, body text not null);
create index if not exists orders_customer on orders (customer_id);
create table if not exists discount (id integer primary key, body text not null);
create table if not exists code (
  code text primary key collate nocase, id integer not null, discount_id integer not null,
  uses integer not null default 0);
create index if not exists code_discount on code (discount_id);
create table if not exists redemption (code text collate nocase, customer text collate nocase, order_id integer);
create index if not exists redemption_code on redemption (code);
create table if not exists delivery (
  id text primary key, event_id text not null, topic text not null, triggered_at text not null,
  body blob not null, attempts integer not null default 0, due_at real not null,
  done_at text, given_up_at text, answer text);
create index if not exists delivery_due on delivery (due_at) where done_at is null and given_up_at is null;
create table if not exists token (
  access text primary key, refresh text unique, scope text not null, expires_at real,
  refresh_expires_at real, replaces text);
create table if not exists metafield (
  owner text, namespace text, key text, id integer not null, type text not null, value text not null,
  created_at text not null, updated_at text not null, primary key (owner, namespace, key));
create table if not exists visitor (session text primary key, customer_id integer not null);
create table if not exists bulk (
  id integer primary key, query text not null, status text not null, error text, file text not null,
  objects integer not null default 0, roots integer not null default 0, bytes integer,
  created_at text not null, completed_at text);
create table if not exists event (
  id integer primary key, action text not null, subject_type text not null, subject text not null,
  created_at text not null);
