// Runs unmodified realtime-js clients. Commands come in as lines of JSON, events go out as lines of JSON, as drive.mjs has
// them; it ends with stdin.
//
//   {"do": "start", "client": name, "url", "token", "channel", "topics": [...]}
//
// The package puts `realtime:` before the channel's name. The app subscribes to the topics after each join.

import { createInterface } from "node:readline"
import { RealtimeClient } from "realtime-js"
import { emit, watched } from "./telling.mjs"

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
