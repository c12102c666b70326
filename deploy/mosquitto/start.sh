#!/bin/sh
# Start the broker with the one account of `.env`; the password is in no command line, and in memory only.
set -eu
umask 077

: "${MQTT_USER:?run syncstorm secrets}" "${MQTT_PASSWORD:?run syncstorm secrets}"
printf '%s:%s\n' "$MQTT_USER" "$MQTT_PASSWORD" >/run/mosquitto/passwords
mosquitto_passwd -U /run/mosquitto/passwords
# What the health check logs in with.
printf -- '-u %s\n-P %s\n' "$MQTT_USER" "$MQTT_PASSWORD" >/run/mosquitto/mosquitto_sub
unset MQTT_PASSWORD

exec mosquitto -c /mosquitto/config/mosquitto.conf
