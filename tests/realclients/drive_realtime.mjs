// Runs unmodified realtime-js clients. Commands come in as lines of JSON, events go out as lines of JSON, as drive.mjs has
// them; it ends with stdin.
//
//   {"do": "start", "client": name, "url", "token", "channel", "topics": [...]}
//
// The package puts `realtime:` before the channel's name. The app subscribes to the topics after each join.

import { createInterface } from "node:readline"
import { RealtimeClient } from "realtime-js"
import WebSocket from "ws"

function emit(client, event, more = {}) {
  process.stdout.write(JSON.stringify({ client, at: performance.now() / 1000, event, ...more }) + "\n")
}

// A transport as the package expects it, which tells of every handshake and of every frame that goes out.
function watched(client) {
  return class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols)
      emit(client, "dial", Object.fromEntries(new URL(url).searchParams))
    }
    send(data) {
      const [joinRef, ref, topic, event] = JSON.parse(data)
      emit(client, "sent", { joinRef, ref, topic, name: event })
      super.send(data)
    }
  }
}

function start({ client, url, token, channel: name, topics }) {
  const realtime = new RealtimeClient(url, { transport: watched(client), params: { apikey: "unused", token } })
  const channel = realtime.channel(name)
  channel.channelAdapter.on("sync:update_batch", batch =>
    emit(client, "update", { watermarks: batch.updates.map(({ topic, watermark }) => [topic, watermark]) }),
  )
  channel.subscribe((status, error) => {
    emit(client, "status", { status, error: error?.message })
    if (status !== "SUBSCRIBED" || !topics) return
    channel.channelAdapter
      .push("sync:subscribe", { topics })
      .receive("ok", () => emit(client, "ok", { name: "sync:subscribe" }))
  })
}

for await (const line of createInterface({ input: process.stdin })) start(JSON.parse(line))
process.exit(0)
