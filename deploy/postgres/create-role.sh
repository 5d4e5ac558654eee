#!/bin/sh
# Run once, when the database's volume is empty. Row-level security holds for no superuser, so
# Regulars gets a role of its own (docs/decisions/0017).
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$DATABASE_PASSWORD" \
    --username="${POSTGRES_USER:-postgres}" --dbname=postgres <<'SQL'
CREATE ROLE regulars LOGIN PASSWORD :'password';
CREATE DATABASE regulars OWNER regulars;
SQL
