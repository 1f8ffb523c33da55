#!/bin/sh
# Brings the schemas of Temporal's two PostgreSQL databases to this version; safe to run again.
set -eu

bring_up() {
  database=$1
  schema=$2
  sql="temporal-sql-tool --plugin postgres12 --ep postgresql --port 5432 --user temporal --db $database"
  $sql setup-schema -v 0.0
  $sql update-schema -d "/etc/temporal/schema/postgresql/v12/$schema/versioned"
}

bring_up temporal temporal
bring_up temporal_visibility visibility
