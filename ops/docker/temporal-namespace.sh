#!/bin/sh
# Makes our namespace where it is missing. Finished workflows are kept for 30 days.
set -eu

tries=30
until temporal operator cluster health; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || { echo "Temporal did not become healthy: look into its log." >&2; exit 1; }
  sleep 2
done
temporal operator namespace describe "$TEMPORAL_NAMESPACE" ||
  temporal operator namespace create --retention 720h "$TEMPORAL_NAMESPACE"
